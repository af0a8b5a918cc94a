// Exits 0 when every part of the role in this container works: the HEALTHCHECK of the image. Asks where metrics are, or else the web port.
const { ABETWORKS_METRICS_LISTEN: listen, PORT = '3000' } = process.env;
const port = listen === undefined ? PORT : listen.slice(listen.lastIndexOf(':') + 1);
const isReady = await fetch(`http://127.0.0.1:${port}/health/ready`, { signal: AbortSignal.timeout(4_000) }).then(
  async (answer) => {
    if (!answer.ok) process.stdout.write(`${await answer.text()}\n`);
    return answer.ok;
  },
  (error: unknown) => {
    process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return false;
  },
);
process.exit(isReady ? 0 : 1);
