package main

import (
	"testing"

	"atommq/db/dbtest"
)

// testCluster is where servers that tests start have a new database each; nil for files.
var testCluster *dbtest.Cluster

// What holds on a file holds on a server: the same tests, end to end.
func TestOnPostgreSQL(t *testing.T) {
	testCluster = dbtest.Start(t, "fsync=off")
	t.Cleanup(func() { testCluster = nil })
	for name, test := range map[string]func(*testing.T){
		"kill":      TestKillLosesNothingAcknowledgedAndKeysPublishOnce,
		"stop":      TestStoppingFinishesWhatWasAccepted,
		"restart":   TestFollowingSurvivesARestartOfTheServer,
		"gateway":   TestAGatewayAndAServerShareOneDatabase,
		"processes": TestQueuesAreSharedByProcesses,
		"curl":      TestCurlAndStompWorkOnTheSameEntries,
		"takeover":  TestWhatAKilledProcessHandedOutGoesToAnotherOne,
		"lease":     TestAClaimOverHTTPOutlivesTheProcessThatMadeIt,
		"AtomPub":   TestAtompubClientWalksThroughAtomPub,
	} {
		t.Run(name, test)
	}
}
