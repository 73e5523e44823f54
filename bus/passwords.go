package bus

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"runtime"
	"sync"
	"time"
)

const (
	// provenFor is for how long a password that was right needs no bcrypt again.
	provenFor = time.Minute
	// provenMost bounds how many are remembered, some 100 bytes each.
	provenMost = 10_000
	// hashingMost bounds how many wait for bcrypt at once: those behind would wait for seconds.
	hashingMost = 100
)

// passwords checks passwords. bcrypt takes tens of milliseconds on purpose: it runs on half of the
// processors at most, and a password that was right is remembered for a minute, as a keyed hash.
type passwords struct {
	key     [sha256.Size]byte // that nobody knows but this process
	running chan struct{}     // holds one for each that runs
	waiting chan struct{}     // and for each that runs or waits

	mu     sync.Mutex
	proven map[[sha256.Size]byte]time.Time // until when
}

func (p *passwords) init() {
	_, _ = rand.Read(p.key[:]) // it never fails
	p.running = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))
	p.waiting = make(chan struct{}, hashingMost)
	p.proven = make(map[[sha256.Size]byte]time.Time)
}

// check reports whether a name's hash, "" for none, is of password. ErrBusy when too many are being checked.
func (p *passwords) check(ctx context.Context, name, hash, password string) (bool, error) {
	proof := p.proof(name, hash, password)
	if p.knows(proof) {
		return true, nil
	}
	select {
	case p.waiting <- struct{}{}:
	default:
		return false, ErrBusy
	}
	defer func() { <-p.waiting }()
	select {
	case p.running <- struct{}{}:
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	defer func() { <-p.running }()
	if p.knows(proof) { // many connections come with the same password at once
		return true, nil
	}
	right := passwordIs(hash, password)
	if right {
		p.remember(proof)
	}
	return right, nil
}

// proof digests all that a check depends on.
func (p *passwords) proof(name, hash, password string) (sum [sha256.Size]byte) {
	mac := hmac.New(sha256.New, p.key[:])
	var size [8]byte
	for _, part := range [...]string{name, hash, password} {
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		mac.Write(size[:])
		mac.Write([]byte(part))
	}
	mac.Sum(sum[:0])
	return sum
}

func (p *passwords) knows(proof [sha256.Size]byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	until, ok := p.proven[proof]
	return ok && time.Now().Before(until)
}

func (p *passwords) remember(proof [sha256.Size]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if len(p.proven) >= provenMost {
		for old, until := range p.proven {
			if !now.Before(until) {
				delete(p.proven, old)
			}
		}
	}
	if len(p.proven) >= provenMost {
		clear(p.proven)
	}
	p.proven[proof] = now.Add(provenFor)
}
