# rekey in an image of its own: docker build -t rekey . && docker run --rm rekey --help
#
# Run it with your settings and files: docker run --rm -it -v "$PWD:/data" -v ~/.aws:/root/.aws:ro -e AWS_PROFILE rekey migrate …
FROM swift:6.3-bookworm AS build
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends \
      dpkg-dev g++ libcurl4-openssl-dev libsqlite3-dev zlib1g-dev
WORKDIR /rekey
COPY . .
RUN pipelines/package.sh /package

FROM debian:bookworm-slim
COPY --from=build /package/*.deb /tmp/
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends /tmp/rekey_*.deb \
    && rm -rf /tmp/rekey_*.deb /var/lib/apt/lists/*
WORKDIR /data
ENTRYPOINT ["rekey"]
CMD ["--help"]
