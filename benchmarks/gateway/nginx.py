"""nginx beside us: the plainest upstream there is, and the proxy to compare with."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from local.infrastructure.ports import HOST, free_port, is_free

START_SECONDS = 5.0
FIRST_PORT = 18100

CLIPS = ",".join(f'{{"i":{i},"status":"done","url":"/m/{i}.mp4"}}' for i in range(5))
CONFIGURATION = """
worker_processes 1; daemon off; pid {place}/nginx.pid; error_log {place}/error.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {place}/b; proxy_temp_path {place}/p; fastcgi_temp_path {place}/f;
  uwsgi_temp_path {place}/u; scgi_temp_path {place}/s;
  keepalive_requests 10000000;
  upstream plain {{ server {host}:{upstream}; keepalive 256; }}
  upstream identity {{ server {identity}; keepalive 64; }}
  proxy_http_version 1.1; proxy_set_header Connection "";
  server {{
    listen {host}:{upstream};
    location / {{ default_type application/json; return 200 '{answer}'; }}
    location /v1/traces {{ default_type application/x-protobuf; return 200 ''; }}
  }}
  server {{ listen {host}:{proxy}; location / {{ proxy_pass http://plain; }} }}
  server {{
    listen {host}:{questions};
    location / {{ proxy_pass http://identity; }}
    location /internal/ {{ access_log {place}/questions.log; proxy_pass http://identity; }}
  }}
}}
"""


@dataclass(frozen=True)
class Nginx:
    """Three servers in one worker: an upstream, a proxy to it, a way to identity that counts."""

    upstream: str
    proxy: str
    identity: str
    log: Path

    def questions(self) -> int:
        """How often identity has been asked who somebody is."""
        return len(self.log.read_bytes().splitlines()) if self.log.exists() else 0


def missing() -> str | None:
    """The programs these measurements need and this machine has not."""
    wanted = [name for name in ("nginx", "wrk") if shutil.which(name) is None]
    return f"apt-get install {' '.join(wanted)}" if wanted else None


@asynccontextmanager
async def running(identity_url: str) -> AsyncIterator[Nginx]:
    ports: dict[str, int] = {}
    for offset, name in enumerate(("upstream", "proxy", "questions")):
        ports[name] = free_port(FIRST_PORT + offset)
    with tempfile.TemporaryDirectory(prefix="ai-studio-bench-") as place:
        path = Path(place)
        answer = f'{{"id":"x","name":"Villa Nord","clips":[{CLIPS}]}}'
        identity = identity_url.removeprefix("http://")
        text = CONFIGURATION.format(
            place=place, host=HOST, identity=identity, answer=answer, **ports
        )
        (path / "nginx.conf").write_text(text)
        # Its worker gives up root, and writes there.
        os.chmod(place, 0o755)
        process = await asyncio.create_subprocess_exec("nginx", "-c", str(path / "nginx.conf"))
        try:
            async with asyncio.timeout(START_SECONDS):
                # Polling: it is another process that gets ready.
                while is_free(ports["proxy"]):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            urls = {name: f"http://{HOST}:{port}" for name, port in ports.items()}
            log = path / "questions.log"
            yield Nginx(urls["upstream"], urls["proxy"], urls["questions"], log)
        finally:
            process.terminate()
            await process.wait()
