vcl 4.1;

backend cloutagent {
  .host = "@HOST@";
  .port = "@UPSTREAM_PORT@";
  .first_byte_timeout = 60s;
  .between_bytes_timeout = 60s;
}

sub vcl_recv {
  # Varnish adds the caller to X-Forwarded-For by itself.
  set req.http.X-Forwarded-Proto = "http";
  # Without pipe, Varnish ends a stream after 10 minutes (send_timeout).
  if (req.url ~ "^/api/executions/([^?]+/)?stream([?]|$)") { return (pipe); }
}

sub vcl_pipe {
  # Only one request on this connection, so that the next one passes through vcl_recv again.
  set bereq.http.Connection = "close";
}
