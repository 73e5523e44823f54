<?php
// Works on a queue and a topic with PHP's stomp extension, a client that nobody here wrote.
// usage: php_stomp.php HOST PORT
[, $host, $port] = $argv;
$done = 0;

function check(string $what, bool $ok): void
{
    global $done;
    if (!$ok) {
        fwrite(STDERR, "$what\n");
        exit(1);
    }
    $done++;
}

function frame(Stomp $stomp, string $what): StompFrame
{
    $frame = $stomp->readFrame();
    check($what, $frame !== false && $frame->command === 'MESSAGE');
    return $frame;
}

$stomp = new Stomp("tcp://$host:$port", 'me', 'secret');
$stomp->setReadTimeout(30);
check('session', $stomp->getSessionId() !== false);
check('subscribe', $stomp->subscribe('/queue/php', ['ack' => 'client', 'prefetch' => 10, 'receipt' => 'subscribed']));
for ($i = 0; $i < 3; $i++) {
    // With a receipt, which send waits for.
    check('send', $stomp->send('/queue/php', "order $i", ['n' => $i, 'receipt' => "sent $i"]));
}
for ($i = 0; $i < 3; $i++) {
    $message = frame($stomp, 'message');
    check('body', $message->body === "order $i" && $message->headers['n'] === (string)$i);
    check('ack', $stomp->ack($message, ['receipt' => "acked $i"]));
}
check('begin', $stomp->begin('thrown'));
check('send', $stomp->send('/queue/php', 'never', ['transaction' => 'thrown']));
check('abort', $stomp->abort('thrown', ['receipt' => 'aborted']));
check('begin', $stomp->begin('kept'));
check('send', $stomp->send('/queue/php', 'whole', ['transaction' => 'kept']));
check('commit', $stomp->commit('kept', ['receipt' => 'committed']));
$whole = frame($stomp, 'of the transaction');
check('transaction', $whole->body === 'whole');
check('ack', $stomp->ack($whole));
check('unsubscribe', $stomp->unsubscribe('/queue/php', ['receipt' => 'unsubscribed']));

check('subscribe', $stomp->subscribe('/topic/php', ['receipt' => 'following']));
check('send', $stomp->send('/topic/php', 'extra', ['title' => 'Extra']));
$news = frame($stomp, 'news');
check('topic', $news->body === 'extra' && $news->headers['title'] === 'Extra' && $news->headers['Xlastid'] > 0);
$stomp->setReadTimeout(0, 100_000);
check('nothing more', !$stomp->hasFrame());
unset($stomp);
echo "$done checks\n";
