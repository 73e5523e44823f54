package migrations

import (
	"io/fs"
	"strconv"
	"strings"
)

// CheckVersion fails with a *NewerError or an *OlderError unless found is the newest version known
// here: for databases that may only be read, in which Status cannot look.
func CheckVersion(found int64) error {
	known, err := newest()
	switch {
	case err != nil:
		return err
	case found > known:
		return &NewerError{Found: found, Known: known}
	case found < known:
		return &OlderError{Found: found, Known: known}
	}
	return nil
}

// newest returns the number of the last step.
func newest() (version int64, err error) {
	names, err := fs.Glob(files, "sqlite/*.sql")
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		number, _, _ := strings.Cut(strings.TrimPrefix(name, "sqlite/"), "_")
		if version, err = strconv.ParseInt(number, 10, 64); err != nil {
			return 0, err
		}
	}
	return version, nil
}
