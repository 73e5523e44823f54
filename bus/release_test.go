package bus

import "testing"

// A node that was struck out joins anew while what it gave up under its former number is still on its way.
func TestWorkOfAFormerNodeArrivesThoughNobodyExpectsIt(t *testing.T) {
	const queue = 7
	former := &Delivery{Claim: Claim{Node: 1, Queue: queue}}
	d := &desk{node: 2}
	d.arrive(former)
	d.expect(&Delivery{Claim: Claim{Node: 2, Queue: queue}})
	d.arrive(former)
	if got := d.losses.underway[queue]; got != 1 {
		t.Errorf("%d deliveries are expected, want the one of this node", got)
	}
}
