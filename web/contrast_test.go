package web

import (
	"math"
	"regexp"
	"strconv"
	"testing"
)

var colour = regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`)

func TestTextStandsOutFromItsGround(t *testing.T) {
	const enough = 4.5 // WCAG 2.2 §1.4.3, level AA
	schemes := regexp.MustCompile(`(?s):root \{.*?\}`).FindAllString(stylesheet, 2)
	for i, name := range []string{"light", "dark"} {
		colours := map[string]float64{}
		for _, m := range colour.FindAllStringSubmatch(schemes[i], -1) {
			colours[m[1]] = luminance(t, m[2])
		}
		for _, text := range []string{"text", "muted", "accent"} {
			for _, ground := range []string{"ground", "surface", "sunken", "accent-wash"} {
				a, b := colours[text], colours[ground]
				if got := (max(a, b) + .05) / (min(a, b) + .05); got < enough || a == b {
					t.Errorf("%s: %s on %s has a contrast of %.2f, want %.1f", name, text, ground, got, enough)
				}
			}
		}
	}
}

// luminance is WCAG 2.2's relative luminance of an sRGB colour.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	linear := func(c uint64) float64 {
		v := float64(c&0xff) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return .2126*linear(n>>16) + .7152*linear(n>>8) + .0722*linear(n)
}
