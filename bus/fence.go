package bus

import "time"

// lost takes note that others may hand out anew what node has: its consumers give that up, and who
// has taken some of it is told. The keeper then enters the node anew.
func (d *desk) lost(node int64) {
	d.mu.Lock()
	if node != d.node || d.struckOut {
		d.mu.Unlock()
		return
	}
	robbed := d.surrender()
	d.rejoinSoon(node)
	d.mu.Unlock()
	tell(robbed)
}

// startOver takes all deliveries from their consumers, and goes on as another node.
func (d *desk) startOver(node int64) {
	d.mu.Lock()
	robbed := d.surrender()
	d.node, d.struckOut = node, false
	d.losses = losses{retryAt: time.Now()} // of the queues to be made anew
	for w := range d.queues.all() {
		d.stir(w)
	}
	d.mu.Unlock()
	tell(robbed)
}

// surrender takes all deliveries from their consumers, and returns those that had taken any, or
// wait at a temp feed: it is named for the node, and goes with that. Callers hold d.mu.
func (d *desk) surrender() (robbed []*Consumer) {
	for w := range d.queues.all() {
		for c, n := w.turn, w.consumers; n > 0; c, n = c.next, n-1 {
			if d.loseAll(c) || d.bus.temps.has(w.feed) {
				c.fate.Or(fateRobbed)
				c.notified = true
				robbed = append(robbed, c)
			}
		}
	}
	return robbed
}

// loseAll takes all deliveries from c but those that a transaction has, which will fail, and
// reports whether c had taken any. Callers hold d.mu.
func (d *desk) loseAll(c *Consumer) (taken bool) {
	c.untaken = nil
	for e := c.held.first; e != nil; {
		following := e.next
		taken = taken || e.taken
		if e.state == deliveryHeld {
			d.lose(e)
			d.credit(c)
		}
		e = following
	}
	return taken
}

// tell has consumers find out what became of them.
func tell(concerned []*Consumer) {
	for _, c := range concerned {
		c.ready()
	}
}

// Robbed reports whether what c had taken and not settled may be with others now, or its temp feed
// removed, because this node was cut off from the store, or taken for dead: whoever works on it is
// to be told. Ready is called when it happens. c goes on with new work.
func (c *Consumer) Robbed() bool { return c.fate.Load()&fateRobbed != 0 }
