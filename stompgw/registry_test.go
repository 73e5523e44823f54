package stompgw

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A registry holds what was entered and not taken out, whatever the order.
func TestRegistryFindsWhatIsInIt(t *testing.T) {
	r := newRegistry()
	random := rand.New(rand.NewPCG(1, 2))
	in := map[string]map[*follow]bool{}
	var all []*follow
	for range 20_000 {
		if len(all) == 0 || random.IntN(100) < 55 {
			s := &follow{text: fmt.Sprintf("feed-%d", random.IntN(2000))}
			r.add(s)
			if in[s.feed()] == nil {
				in[s.feed()] = map[*follow]bool{}
			}
			in[s.feed()][s] = true
			all = append(all, s)
			continue
		}
		i := random.IntN(len(all))
		s := all[i]
		r.remove(s)
		delete(in[s.feed()], s)
		all[i] = all[len(all)-1]
		all = all[:len(all)-1]
	}
	for feed, want := range in {
		got := map[*follow]bool{}
		round(r.first(feed), func(s *follow) bool {
			if got[s] {
				t.Fatalf("%s comes twice in %s", s.text, feed)
			}
			got[s] = true
			return true
		})
		if len(got) != len(want) || r.count(feed) != len(want) {
			t.Errorf("%s has %d, counts %d; %d were entered", feed, len(got), r.count(feed), len(want))
		}
		for s := range want {
			if !got[s] {
				t.Errorf("one of %s is missing", feed)
			}
		}
	}
	for _, s := range all {
		r.remove(s)
	}
	if r.size != 0 || len(r.several) != 0 {
		t.Errorf("an empty registry has %d, counts %d rings", r.size, len(r.several))
	}
}

func TestTableFindsByID(t *testing.T) {
	table := idTable[*follow]{}
	random := rand.New(rand.NewPCG(3, 4))
	in := map[string]*follow{}
	for range 50_000 {
		id := fmt.Sprint(random.IntN(3000))
		hash := hashOf(id)
		if d := cmp.Diff(in[id] != nil, table.find(hash, id) != nil); d != "" {
			t.Fatalf("%s -entered +found: %s", id, d)
		}
		if s := in[id]; s != nil {
			table.remove(hash, s)
			delete(in, id)
		} else {
			in[id] = &follow{text: id + "feed", idEnd: uint16(len(id))}
			table.add(hash, in[id])
		}
	}
	if table.used != len(in) {
		t.Errorf("%d, not %d", table.used, len(in))
	}
}
