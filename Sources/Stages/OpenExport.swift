import ByteStreams

func openExportFeed(_ path: String, options: StreamOptions, wantsDigest: Bool) throws(RekeyError) -> RecordFeed {
    throw RekeyError(.usage, "", source: path)
}
