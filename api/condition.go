package api

import (
	"fmt"
	"net/http"
	"time"
)

// conditional is what the conditions of a change are about, RFC 9110 §13.1, in the words of the
// answer when one does not hold.
type conditional struct {
	thing string // "queue"
	state string // what an ETag names, with its verb: "queue's settings have"
}

// check evaluates the conditions of a change of the thing, which is there or not. bound says that
// the change is only for the state that is there now, or for nothing being there. same matches the
// opaque tags of that state.
func (c conditional) check(r *http.Request, there bool, same func(tag string) bool) (bound bool, err error) {
	match, noneMatch := r.Header["If-Match"], r.Header["If-None-Match"]
	matched, ok := anyTag(match, func(tag string, weak bool) bool { return !weak && same(tag) })
	switch {
	case len(match) == 0:
	case !there:
		return false, failedCondition("There is no such %s, and If-Match takes one that is there. Leave If-Match out to make it.", c.thing)
	case !ok:
		return false, c.unmatched(match)
	}
	if held, ok := anyTag(noneMatch, func(tag string, _ bool) bool { return same(tag) }); ok && there {
		return false, c.ruledOut(held)
	}
	return len(match) > 0 && matched != "*" || len(noneMatch) > 0 && !there, nil
}

// checkDated is check of a thing that is there and was last modified then.
func (c conditional) checkDated(r *http.Request, modified, now time.Time, same func(tag string) bool) (bound bool, err error) {
	date := r.Header.Get("If-Unmodified-Since")
	dated := date != "" && len(r.Header["If-Match"]) == 0 // RFC 9110 §13.2.2
	if dated && changedSince(modified, now, date) {
		return false, failedCondition("The %s changed after the time that If-Unmodified-Since names. GET this URL again.", c.thing)
	}
	bound, err = c.check(r, true, same)
	return err == nil && (bound || dated), err
}

// unmatched says why no tag in lines, those of If-Match, names the state of a thing that is there.
func (c conditional) unmatched(lines []string) error {
	given, strong := false, false
	anyTag(lines, func(_ string, weak bool) bool {
		given, strong = true, strong || !weak
		return false
	})
	switch {
	case !given:
		return failedCondition(`If-Match has no ETag, which stands in quotes: If-Match: "42". GET this URL, and send its ETag as it came.`)
	case !strong:
		return failedCondition("If-Match takes no weak ETags, those that begin with W/. Leave W/ out, which a proxy may have put there.")
	}
	return c.changed()
}

// changed says that the state is not what If-Match names any more.
func (c conditional) changed() error {
	return failedCondition("The %s changed since the ETag in If-Match was given. GET this URL again, and send the request with the new ETag if you still want to.", c.state)
}

// changedMeanwhile says that a change was refused because the thing, which was there or not when
// the conditions were looked at, is not as it was.
func (c conditional) changedMeanwhile(there bool) error {
	if there {
		return c.changed()
	}
	return c.ruledOut("*")
}

// ruledOut says that a thing is what If-None-Match rules out: held is the tag that it holds, "*" for any.
func (c conditional) ruledOut(held string) error {
	if held == "*" {
		return failedCondition("The %s exists already, and If-None-Match: * is for when it does not. Leave the field out to change it, or send its ETag in If-Match.", c.thing)
	}
	return failedCondition("The %s not changed, and If-None-Match rules out this very state. Leave the field out to change it.", c.state)
}

func failedCondition(format string, args ...any) error {
	return &problemError{Status: http.StatusPreconditionFailed, Detail: fmt.Sprintf(format, args...)}
}
