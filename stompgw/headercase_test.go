package stompgw_test

import "testing"

// HTTP, where the header comes from, has it so.
func TestACursorCountsInAnyCase(t *testing.T) {
	for _, spelling := range []string{"Xlastid", "xlastid", "XLastID"} {
		t.Run(spelling, func(t *testing.T) {
			start(t).play(t, connected12+`
	> SEND
	> destination:/topic/x
	>
	> before

	> SUBSCRIBE
	> id:s
	> destination:/topic/x
	> `+spelling+`:0

	< MESSAGE
	< Xlastid:1
	<
	< before

	> SUBSCRIBE
	> id:q
	> destination:/queue/x
	> `+spelling+`:0

	< ERROR
	< message:Xlastid on a queue
	`)
		})
	}
}
