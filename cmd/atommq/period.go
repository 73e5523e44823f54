package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// period is a setting that is a length of time: "90m", "24h", "7d". It is a pflag.Value.
type period time.Duration

func (p *period) Type() string { return "time" }

// String leaves out units that are zero, "24h" for "24h0m0s", and has days from two of them on:
// "30d" for "720h0m0s".
func (p *period) String() string {
	const day = 24 * time.Hour
	d, days := time.Duration(*p), ""
	if d >= 2*day && d/day <= mostDays {
		days = strconv.Itoa(int(d/day)) + "d"
		if d %= day; d == 0 {
			return days
		}
	}
	return days + withoutZeros(d)
}

func withoutZeros(d time.Duration) string {
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = strings.TrimSuffix(s, zero[1:])
		}
	}
	return s
}

func (p *period) Set(value string) error {
	d, err := parsePeriod(value)
	if err != nil || d <= 0 {
		return errors.New("must be a time above 0, like 30s, 90m, 24h or 7d")
	}
	*p = period(d)
	return nil
}

// mostDays is how many fit into a time.Duration, and hours beside them.
const mostDays = 100_000

// parsePeriod reads what time.ParseDuration does, and days of 24 hours before it.
func parsePeriod(value string) (time.Duration, error) {
	days, rest, given := strings.Cut(value, "d")
	if !given {
		return time.ParseDuration(value)
	}
	n, err := strconv.ParseUint(days, 10, 32)
	if err != nil || n > mostDays {
		return 0, errors.New("no number of days")
	}
	d := time.Duration(n) * 24 * time.Hour
	if rest == "" {
		return d, nil
	}
	more, err := time.ParseDuration(rest)
	if err != nil || more < 0 || more > 24*time.Hour {
		return 0, errors.New("no time beside days")
	}
	return d + more, nil
}

// periodOrNone is a period, or 0 for none.
type periodOrNone period

func (p *periodOrNone) Type() string { return (*period)(p).Type() }

func (p *periodOrNone) String() string {
	if *p == 0 {
		return "0"
	}
	return (*period)(p).String()
}

func (p *periodOrNone) Set(value string) error {
	if d, err := parsePeriod(value); err == nil && d == 0 {
		*p = 0
		return nil
	}
	if err := (*period)(p).Set(value); err != nil {
		return fmt.Errorf("%w, or 0 for none", err)
	}
	return nil
}
