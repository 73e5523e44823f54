package feeds

import "testing"

func TestParseAllocatesLittle(t *testing.T) {
	doc := realisticEntry(t)
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := Parse(doc, "", Limits{}); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 40 {
		t.Errorf("%v allocations to parse an entry of 1 KB", allocs)
	}
}

func TestWritingAllocatesNothing(t *testing.T) {
	d, err := Parse(realisticEntry(t), "", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	m, f := testMember(d.Entries[0]), testFeed()
	p := &Page{Feed: *f, Collection: testCollection, Self: testCollection, Members: []*Member{m, m}}
	member := func(dst []byte, m *Member) []byte { return AppendMember(dst, m, f, testCollection) }
	buf := make([]byte, 0, 1<<16)
	if allocs := testing.AllocsPerRun(100, func() { AppendFeed(buf, p, member) }); allocs > 0 {
		t.Errorf("%v allocations to write a feed", allocs)
	}
}

func TestMessagesAllocateLittle(t *testing.T) {
	m := benchMessages()["text"]
	member := testMember(entryOf(t, m))
	for name, test := range map[string]struct {
		most float64
		do   func() error
	}{
		"compose": {8, func() error { _, err := ComposeMessage("", m); return err }},
		"read":    {8, func() error { _, err := MessageOf(member); return err }},
	} {
		allocs := testing.AllocsPerRun(100, func() {
			if err := test.do(); err != nil {
				t.Fatal(err)
			}
		})
		if allocs > test.most {
			t.Errorf("%s: %v allocations for a text of 200 bytes with three headers", name, allocs)
		}
	}
}
