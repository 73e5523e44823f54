#!/bin/sh
# A CGI script: the feed news, at the URL of the script, and the whole site below it. It runs as the web server's user, who has to
# be able to read this file of settings, and to write the database that it names as ATOMMQ_DB=…, and its directory. What
# atommq.service has is that user's own.
exec atommq cgi news --config /etc/atommq-cgi.env
