# rekey in an image of its own: docker build -t rekey . && docker run --rm rekey --help
#
# Run it as yourself, so that what it writes is yours, with your files and settings:
#   docker run --rm -it --user "$(id -u):$(id -g)" -v "$PWD:/data" -v ~/.aws:/home/rekey/.aws:ro -e AWS_PROFILE rekey migrate …
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
# The home of whatever user it is run as.
ENV HOME=/home/rekey
WORKDIR /home/rekey
WORKDIR /data
ENTRYPOINT ["rekey"]
CMD ["--help"]
