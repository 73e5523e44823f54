package api_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"
	"time"

	"atommq/api"
	"atommq/bus"
	"atommq/bus/bustest"
)

// serve runs a server with a bus in memory, for a client to be shown with, until end is called.
func serve() (client *api.Client, end func()) {
	b, err := bus.Open(context.Background(), new(bustest.Memory), nil, bus.Config{})
	if err != nil {
		log.Fatal(err)
	}
	routes, err := api.Handler{Bus: b}.Routes()
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(routes)
	return &api.Client{BaseURL: server.URL, HTTP: server.Client(), Retry: time.Minute}, func() {
		server.Close()
		if err := b.Close(); err != nil {
			log.Fatal(err)
		}
	}
}

// Under a key, what was published is not published again, however often it is sent.
func ExampleClient_Publish() {
	client, end := serve()
	defer end()
	ctx := context.Background()
	for range 2 {
		receipt, err := client.Publish(ctx, "orders", "application/json", []byte(`{"title":"Two of them"}`), "order 4711")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(receipt.ID)
	}
	// Output:
	// 1
	// 1
}

// Who keeps the cursor goes on behind it, whenever and wherever.
func ExampleClient_Follow() {
	client, end := serve()
	defer end()
	ctx := context.Background()
	for _, text := range []string{"one", "two", "three"} {
		if _, err := client.Publish(ctx, "news", "text/plain", []byte(text), ""); err != nil {
			log.Fatal(err)
		}
	}
	enough := errors.New("enough")
	following := &api.Following{Feeds: []string{"news"}, After: 1}
	err := client.Follow(ctx, following, func(e *api.BatchEntry) error {
		fmt.Println(e.ID, e.Content)
		if e.ID == 3 {
			return enough
		}
		return nil
	})
	fmt.Println(err, "after", following.After)
	// Output:
	// 2 two
	// 3 three
	// enough after 2
}

// A worker takes entries that no other worker of the queue has, and says when they are done.
func ExampleClient_Claim() {
	client, end := serve()
	defer end()
	ctx := context.Background()
	jobs := api.ClaimConfig{Feed: "jobs", Count: 10, Wait: 30 * time.Second}
	if _, err := client.Claim(ctx, api.ClaimConfig{Feed: jobs.Feed}); err != nil { // the queue begins
		log.Fatal(err)
	}
	if _, err := client.Publish(ctx, jobs.Feed, "text/plain", []byte("resize 42.png"), ""); err != nil {
		log.Fatal(err)
	}
	claims, err := client.Claim(ctx, jobs)
	if err != nil {
		log.Fatal(err)
	}
	for _, claim := range claims {
		fmt.Printf("%s, attempt %d\n", claim.Content, claim.Attempt)
		if err := client.Ack(ctx, claim); err != nil { // Nack gives it back
			log.Fatal(err)
		}
	}
	// Output:
	// resize 42.png, attempt 1
}
