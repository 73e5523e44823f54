package bus

import (
	"errors"
	"fmt"
	"strings"
)

// maxKey bounds an idempotency key, in bytes.
const maxKey = 255

// CheckKey reports why a client may not give key as an idempotency key: one has 1 to 255 characters
// of printable ASCII. The error goes on a sentence that begins with what the key is called.
func CheckKey(key string) error {
	switch {
	case key == "":
		return errors.New("is empty")
	case len(key) > maxKey:
		return fmt.Errorf("has %d bytes", len(key))
	case strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c > '~' }):
		return fmt.Errorf("%q is not printable ASCII", key)
	}
	return nil
}
