vcl 4.1;

backend cloutagent {
  .host = "@HOST@";
  .port = "@UPSTREAM_PORT@";
  .first_byte_timeout = 60s;
  .between_bytes_timeout = 60s;
}

sub vcl_recv {
  # Varnish itself adds the caller to X-Forwarded-For.
  set req.http.X-Forwarded-Proto = "http";
  # Varnish would otherwise end a stream after 10 minutes (send_timeout).
  if (req.url ~ "^/(api/executions/([^?]+/)?stream([?]|$)|api/(ai-sdk|ag-ui|a2a)/|v1/|mcp([?]|$))") { return (pipe); }
}

sub vcl_pipe {
  # Allow one request on this connection, so that the next one passes through vcl_recv again.
  set bereq.http.Connection = "close";
}
