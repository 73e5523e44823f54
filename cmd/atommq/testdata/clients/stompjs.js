// Works on a queue and a topic with @stomp/stompjs, a client that nobody here wrote, over
// WebSocket: in a page, where the library is the global StompJs, and in Node.
// usage: node stompjs.js URL, with @stomp/stompjs and ws in NODE_PATH
"use strict";

async function walk({ Client, Versions }, url, version, options) {
  let done = 0;
  const check = (what, ok) => {
    if (!ok) throw new Error(version + ": " + what);
    done++;
  };
  const waiting = [], frames = [];
  const arrived = (frame) => (waiting.length ? waiting.shift()(frame) : frames.push(frame));
  const next = () => new Promise((resolve) => (frames.length ? resolve(frames.shift()) : waiting.push(resolve)));

  const client = new Client({
    brokerURL: url,
    stompVersions: new Versions([version]),
    connectHeaders: { login: "me", passcode: "secret" },
    heartbeatIncoming: 500,
    heartbeatOutgoing: 500,
    reconnectDelay: 0,
    ...options,
  });
  await new Promise((resolve, reject) => {
    client.onConnect = resolve;
    client.onStompError = (frame) => reject(new Error(frame.headers.message + ": " + frame.body));
    client.onWebSocketError = () => reject(new Error("WebSocket failed"));
    client.activate();
  });
  check("connected", client.connectedVersion === version);
  const receipt = (id, send) =>
    new Promise((resolve) => {
      client.watchForReceipt(id, resolve);
      send({ receipt: id });
    });
  const orders = "/queue/js." + version + "." + Math.random();

  let subscription;
  await receipt("subscribed", (h) => (subscription = client.subscribe(orders, arrived, { ack: "client-individual", prefetch: "10", ...h })));
  for (let i = 0; i < 3; i++) {
    await receipt("sent " + i, (h) => client.publish({ destination: orders, body: "größe " + i, headers: { n: "" + i, path: "a:b", ...h } }));
  }
  const got = [await next(), await next(), await next()];
  check("order", got.map((m) => m.body).join() === "größe 0,größe 1,größe 2");
  // The library escapes headers in 1.2 only, where 1.1 says so too.
  check("headers", got[2].headers.n === "2" && (version === "1.1" || got[0].headers.path === "a:b"));
  if (version !== "1.0") {
    got[1].nack();
    const again = await next();
    check("redelivered", again.body === "größe 1" && again.headers.redelivered === "true");
    got[1] = again;
  }
  for (const [i, m] of got.entries()) await receipt("acked " + i, (h) => m.ack(h));

  // Bytes that no text message may carry, and a body larger than a WebSocket frame of the client.
  const bytes = new Uint8Array([0, 255, 254, 10, 0, 13]);
  client.publish({ destination: orders, binaryBody: bytes });
  const binary = await next();
  check("binary", binary.binaryBody.join() === bytes.join());
  binary.ack();
  const long = "ß".repeat(100000);
  client.publish({ destination: orders, body: long });
  const large = await next();
  check("large", large.body === long);
  large.ack();

  const thrown = client.begin();
  client.publish({ destination: orders, body: "never", headers: { transaction: thrown.id } });
  thrown.abort();
  const kept = client.begin();
  for (let i = 0; i < 2; i++) client.publish({ destination: orders, body: "together " + i, headers: { transaction: kept.id } });
  kept.commit();
  const pair = [await next(), await next()];
  check("transaction", pair.map((m) => m.body).join() === "together 0,together 1");
  pair.forEach((m) => m.ack());
  await receipt("unsubscribed", (h) => subscription.unsubscribe(h));

  await receipt("following", (h) => client.subscribe("/topic/js*", arrived, h));
  client.publish({ destination: "/topic/js.news", body: "extra" });
  const news = await next();
  check("topic", news.body === "extra" && +news.headers.Xlastid > 0);
  check("nothing else came", frames.length === 0);

  const goodbye = new Promise((resolve) => (client.onDisconnect = resolve)); // called with the receipt
  await client.deactivate();
  check("goodbye", (await goodbye).command === "RECEIPT");
  return done;
}

async function walkAll(library, url) {
  let done = 0;
  for (const version of ["1.2", "1.1", "1.0"]) {
    done += await walk(library, url, version, {});
    done += await walk(library, url, version, { forceBinaryWSFrames: true, splitLargeFrames: true, maxWebSocketChunkSize: 1000 });
  }
  return done;
}

if (typeof window === "undefined") {
  Object.assign(globalThis, { WebSocket: globalThis.WebSocket || require("ws") });
  walkAll(require("@stomp/stompjs"), process.argv[2]).then(
    (done) => console.log(done + " checks"),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
}
