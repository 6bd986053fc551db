"""`python -m local.vendors`: all stand-ins until SIGTERM or SIGINT."""

import asyncio
import signal
import sys

from local.vendors.server import VendorsSettings, start_vendors


async def main() -> int:
    """Run until told to stop (0), or until a stand-in ends by itself (1)."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, told.set)
    running = await start_vendors(VendorsSettings())
    for vendor, address in running.addresses.items():
        print(f"{vendor:<7}{address}", flush=True)
    failure = asyncio.create_task(running.failed())
    stopped = asyncio.create_task(told.wait())
    await asyncio.wait([failure, stopped], return_when=asyncio.FIRST_COMPLETED)
    failure.cancel()
    await running.stop()
    return 0 if told.is_set() else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
