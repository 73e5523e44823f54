package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// finding is one figure of a bench, with the ceiling measured beside it.
type finding struct {
	Section string  `json:"section"`
	What    string  `json:"what"`
	Unit    string  `json:"unit"`
	Value   float64 `json:"value"`
	// Ceiling is what the machine gave, in the same minute, to code that does
	// no more than the least. 0 when there is none.
	Ceiling     float64 `json:"ceiling,omitempty"`
	CeilingWhat string  `json:"ceiling_what,omitempty"`
	Budget      budget  `json:"budget"`
}

// budget is what a finding must keep to; zero fields ask for nothing.
type budget struct {
	Ratio float64 `json:"ratio,omitempty"` // least share of the ceiling
	// AtMostRatio is the largest share of the ceiling.
	AtMostRatio float64 `json:"at_most_ratio,omitempty"`
	AtLeast     float64 `json:"at_least,omitempty"`
	AtMost      float64 `json:"at_most,omitempty"`
	// OrRatio is the share of the ceiling that will do where the machine is too slow for AtLeast.
	OrRatio float64 `json:"or_ratio,omitempty"`
}

func (f finding) ratio() float64 {
	if f.Ceiling == 0 {
		return 0
	}
	return f.Value / f.Ceiling
}

func (f finding) kept() bool {
	b := f.Budget
	return (b.Ratio == 0 || f.ratio() >= b.Ratio) &&
		(b.AtLeast == 0 || f.Value >= b.AtLeast || b.OrRatio > 0 && f.ratio() >= b.OrRatio) &&
		(b.AtMostRatio == 0 || f.ratio() <= b.AtMostRatio) &&
		(b.AtMost == 0 || f.Value <= b.AtMost)
}

func (b budget) String() string {
	switch {
	case b.Ratio > 0:
		return fmt.Sprintf("≥ %.0f %%", 100*b.Ratio)
	case b.AtMostRatio > 0:
		return fmt.Sprintf("≤ %.0f %%", 100*b.AtMostRatio)
	case b.OrRatio > 0:
		return fmt.Sprintf("≥ %s or %.3g %%", thousands(b.AtLeast), 100*b.OrRatio)
	case b.AtLeast > 0:
		return "≥ " + thousands(b.AtLeast)
	case b.AtMost > 0:
		return "≤ " + thousands(b.AtMost)
	}
	return ""
}

// MarshalJSON adds what is derived.
func (f finding) MarshalJSON() ([]byte, error) {
	type plain finding
	return json.Marshal(struct {
		plain
		Ratio float64 `json:"ratio,omitempty"`
		Kept  bool    `json:"kept"`
	}{plain(f), f.ratio(), f.kept()})
}

// writeFindings writes a table for people.
func writeFindings(w io.Writer, findings []finding) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SECTION\tWHAT\tAtomMQ\tCEILING\tRATIO\tBUDGET")
	for _, f := range findings {
		ceiling, ratio := "", ""
		if f.Ceiling > 0 {
			ceiling = thousands(f.Ceiling) + " " + f.CeilingWhat
			ratio = fmt.Sprintf("%.0f %%", 100*f.ratio())
		}
		verdict := f.Budget.String()
		if verdict != "" && f.kept() {
			verdict += " kept"
		} else if verdict != "" {
			verdict += " MISSED"
		}
		fmt.Fprintf(table, "%s\t%s\t%s %s\t%s\t%s\t%s\n",
			f.Section, f.What, thousands(f.Value), f.Unit, ceiling, ratio, verdict)
	}
	return table.Flush()
}

// thousands writes a number with separators: 1234567 as 1,234,567, and small
// ones with one decimal.
func thousands(x float64) string {
	if x < 100 {
		return fmt.Sprintf("%.1f", x)
	}
	s := fmt.Sprintf("%.0f", x)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// median returns the middle one of an odd number of values.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// What databases took in a second on the machine that the budgets were set on.
const (
	benchBulkRows      = 400_000 // of a file
	benchSingleCommits = 6_000   // of a file
	benchServerRows    = 110_000 // of PostgreSQL, in bulk
)

// budgetOfRows asks for so many messages a second or, of a slower machine, for the same share of
// the rows that it takes in bulk.
func budgetOfRows(atLeast float64) budget {
	return budget{AtLeast: atLeast, OrRatio: atLeast / benchBulkRows}
}

// budgetOfCommits does so with the commits of one row that it makes.
func budgetOfCommits(atLeast float64) budget {
	return budget{AtLeast: atLeast, OrRatio: atLeast / benchSingleCommits}
}
