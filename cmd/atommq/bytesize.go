package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// byteSize is a setting that counts bytes: "1000", "512KiB", "16MiB", "2GiB".
// It is a pflag.Value.
type byteSize int64

// byteUnit is a suffix of a byteSize.
type byteUnit struct {
	suffix string
	bytes  int64
}

// byteUnits lists the suffixes, the largest first.
func byteUnits() []byteUnit {
	return []byteUnit{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}}
}

func (b *byteSize) Type() string { return "size" }

func (b *byteSize) String() string {
	n := int64(*b)
	for _, u := range byteUnits() {
		if n >= u.bytes && n%u.bytes == 0 {
			return fmt.Sprint(n/u.bytes) + u.suffix
		}
	}
	return "0"
}

func (b *byteSize) Set(value string) error {
	for _, u := range byteUnits() {
		digits, ok := strings.CutSuffix(value, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n < 1 || n > math.MaxInt64/u.bytes {
			break
		}
		*b = byteSize(n * u.bytes)
		return nil
	}
	return errors.New("must be a number of bytes above 0, like 1000, 512KiB, 16MiB or 2GiB")
}

// byteSizeOrNone is a byteSize, or 0 for none.
type byteSizeOrNone byteSize

func (b *byteSizeOrNone) Type() string   { return (*byteSize)(b).Type() }
func (b *byteSizeOrNone) String() string { return (*byteSize)(b).String() }

func (b *byteSizeOrNone) Set(value string) error {
	if value == "0" {
		*b = 0
		return nil
	}
	if err := (*byteSize)(b).Set(value); err != nil {
		return fmt.Errorf("%w, or 0 for none", err)
	}
	return nil
}
