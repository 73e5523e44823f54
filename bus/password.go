package bus

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/bcrypt"
)

const (
	passwordCost = 10 // of bcrypt: some 60 ms of a processor
	// passwordBytes is what bcrypt looks at: what is behind would not count.
	passwordBytes = 72
)

// HashPassword returns what is kept of a password, which has 1 to 72 bytes.
func HashPassword(password string) (string, error) {
	if password == "" {
		return "", errors.New("a password must not be empty")
	}
	if len(password) > passwordBytes {
		return "", fmt.Errorf("a password takes at most %d bytes", passwordBytes)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), passwordCost)
	return string(hash), err
}

// passwordIs reports whether a hash is of password. It takes as long when there is none.
func passwordIs(hash, password string) bool {
	right := len(password) <= passwordBytes && hash != ""
	if hash == "" {
		hash = nobodysPassword
	}
	password = password[:min(len(password), passwordBytes)]
	return bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil && right
}

// nobodysPassword is compared with where there is no account, or one without a password: a stranger
// must not tell from the time which names there are.
const nobodysPassword = "$2a$10$aZ/2xO40QLrEFC4eQCrC7u9xgfq/51uiRwCf3rqfhfcE6rcBTnDCO"
