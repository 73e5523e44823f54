# Works on a queue and a topic with the stomp gem, a client that nobody here wrote.
# usage: ruby_stomp.rb HOST PORT VERSION
require "stomp"
require "timeout"

HOST, PORT, VERSION = ARGV
WAIT = 30 # seconds for what must come
$done = 0

def check(what, ok)
  raise what unless ok
  $done += 1
end

headers = VERSION == "1.0" ? {} : { "accept-version" => VERSION, "host" => HOST, "heart-beat" => "500,500" }
connection = Stomp::Connection.new(
  hosts: [{ login: "me", passcode: "secret", host: HOST, port: PORT.to_i }],
  reliable: false, connect_headers: headers,
)
check "connected", connection.connection_frame.command == "CONNECTED" && connection.protocol == VERSION

receive = -> { Timeout.timeout(WAIT) { connection.receive } }
receipt = lambda do |wanted|
  frame = receive.call
  check "receipt of #{wanted}, not #{frame}", frame.command == "RECEIPT" && frame.headers["receipt-id"] == wanted
end
# What ACK and NACK name differs by version.
name = ->(m) { VERSION == "1.2" ? m.headers["ack"] : m.headers["message-id"] }
which = ->(m) { VERSION == "1.1" ? { subscription: m.headers["subscription"] } : {} }

orders = "/queue/ruby.#{VERSION}"
3.times do |i|
  connection.publish(orders, "order #{i}", "n" => i.to_s, "path" => "a b", "receipt" => "sent #{i}")
  receipt.("sent #{i}")
end
connection.subscribe(orders, { ack: "client-individual", prefetch: 2, receipt: "subscribed" }, "one")
receipt.("subscribed")
got = 2.times.map { receive.call }
check "order", got.map(&:body) == ["order 0", "order 1"]
check "headers", got.map { |m| m.headers["n"] } == %w[0 1] && got[0].headers["path"] == "a b"
unless VERSION == "1.0"
  connection.nack(name.(got[0]), which.(got[0]))
  again = receive.call
  check "redelivered", again.body == "order 0" && again.headers["redelivered"] == "true"
  got[0] = again
end
# Prefetch is 2: the third comes when there is room.
connection.ack(name.(got[0]), which.(got[0]))
got << receive.call
check "third", got[2].body == "order 2"
got[1..].each_with_index do |m, i|
  connection.ack(name.(m), which.(m).merge(receipt: "acked #{i}"))
  receipt.("acked #{i}")
end

connection.begin("thrown")
connection.publish(orders, "never", transaction: "thrown")
connection.abort("thrown")
connection.begin("kept")
2.times { |i| connection.publish(orders, "together #{i}", transaction: "kept") }
connection.commit("kept", receipt: "committed")
receipt.("committed")
pair = 2.times.map { receive.call }
check "transaction", pair.map(&:body) == ["together 0", "together 1"]
pair.each { |m| connection.ack(name.(m), which.(m)) }
connection.unsubscribe(orders, { receipt: "unsubscribed" }, "one")
receipt.("unsubscribed")

connection.subscribe("/topic/ruby", { ack: "auto", receipt: "following" }, "two")
receipt.("following")
connection.publish("/topic/ruby", "\u00fcber\u0000all", "content-type" => "text/plain")
news = receive.call
check "topic", news.body.b == "\u00fcber\u0000all".b && news.headers["Xlastid"].to_i > 0
check "heart-beats", VERSION == "1.0" || (connection.hb_received && connection.hb_sent)
connection.disconnect(receipt: "bye")
check "goodbye", connection.disconnect_receipt.headers["receipt-id"] == "bye"
puts "#{$done} checks"
