"""Serves HTTPS with a certificate of its own for `localhost`, made in the directory given; prints its port.

Every answer is `{}`. Ends when standard input does.
"""

import http.server
import os
import ssl
import subprocess
import sys
import threading

directory = sys.argv[1]
key, certificate = os.path.join(directory, "key.pem"), os.path.join(directory, "certificate.pem")
subprocess.run(
    ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    + ["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
    check=True,
    capture_output=True,
)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
