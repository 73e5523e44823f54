package api

import (
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// parameters has the query's parameters read by those whose names they have; others are refused: a
// request that changes something must not pass over half of what it was told.
func parameters(r *http.Request, known map[string]func(value string) error) error {
	seen := make(map[string]bool)
	for query := r.URL.RawQuery; query != ""; {
		var name, value string
		var err error
		if name, value, query, err = nextPair(query); err != nil {
			return err
		}
		read := known[name]
		switch {
		case read == nil && len(known) == 0:
			return badRequest("%.40q: this takes no parameters.", name)
		case read == nil:
			return badRequest("%.40q is not a parameter here. These are: %s.", name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		case seen[name]:
			return repeated(name)
		}
		seen[name] = true
		if err := read(value); err != nil {
			return err
		}
	}
	return nil
}

// plainly has h answer requests without parameters: whoever gives one means something that h does
// not do, as to try first what would be removed.
func plainly(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := parameters(r, nil); err != nil {
			return err
		}
		return h(w, r)
	}
}

// wholeNumber reads a number from 1 to most.
func wholeNumber(name string, to *int, most int) func(string) error {
	return func(value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > most || value[0] == '+' {
			return badRequest("%s: %.40q is not a whole number from 1 to %d.", name, value, most)
		}
		*to = n
		return nil
	}
}

// counted reads a number from 0 on.
func counted(name string, to *int64, given *bool) func(string) error {
	return func(value string) error {
		n, err := parseID(value)
		if err != nil {
			return badRequest("%s: %.40q is not a whole number from 0 on.", name, value)
		}
		*to, *given = n, true
		return nil
	}
}

// seconds reads a time in seconds, with a fraction perhaps. Without a most, a large one counts as an hour.
func seconds(name string, to *time.Duration, least, most time.Duration) func(string) error {
	return func(value string) error {
		n, err := strconv.ParseFloat(value, 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) || n < 0 {
			return badRequest("%s: %.40q is not a time in seconds, like 30 or 0.5.", name, value)
		}
		if most == 0 {
			n = min(n, time.Hour.Seconds())
		}
		d := time.Duration(n * float64(time.Second))
		if n > most.Seconds() && most > 0 || d < least {
			return badRequest("%s: %.40q is out of range: give %g to %g seconds.", name, value, least.Seconds(), most.Seconds())
		}
		*to = d
		return nil
	}
}

// flag reads a parameter that is just there.
func flag(name string, to *bool) func(string) error {
	return func(value string) error {
		if value != "" && value != "1" && value != "true" {
			return badRequest("%s: %.40q is neither 1 nor true. Leave the parameter away if you do not want it.", name, value)
		}
		*to = true
		return nil
	}
}
