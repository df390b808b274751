package import ByteStreams
import Synchronization
package import Tables

/// What watches and leads a run while it works: counts for whoever shows them, samples for the report, orders from `rekey control`.
package final class RunWatch: Sendable {
    package let progress: ProgressCounters
    private let governor: CapacityGovernor?
    private let attached = Mutex<(control: RunControl, metrics: MetricsRecorder)?>(nil)

    /// - Parameters:
    ///   - progress: what the run's tables and streams add to.
    ///   - governor: holds the calls of the run's table; without it nobody can slow, pause or stop the run.
    package init(progress: ProgressCounters = ProgressCounters(), governor: CapacityGovernor? = nil) {
        self.progress = progress
        self.governor = governor
    }

    /// Begins to record samples in a run's directory and to look for orders there, until `detach`.
    ///
    /// - Throws: `.preflightRefused` where another process works on the run.
    func attach(to run: RunDirectory, events: @escaping EventHandler) throws(RekeyError) {
        let control = try RunControl(run, governor: governor, events: events)
        let metrics = MetricsRecorder(run.metricsPath, progress: progress)
        attached.withLock { $0 = (control, metrics) }
    }

    func detach() {
        attached.withLock {
            $0?.metrics.finish()
            $0?.control.end()
            $0 = nil
        }
    }

    /// Begins a step, whose items count from 0.
    func begin(_ step: String, items: Int?) {
        attached.withLock { $0?.metrics.sample() }
        progress.begin(step, totalItems: items)
        attached.withLock { $0?.metrics.sample() }
    }

    /// Writes the report for people, of what was done until now. The run is done, whether this works or not.
    func writeReport(of run: RunDirectory, language: Language, _ events: EventHandler) {
        attached.withLock { $0?.metrics.finish() }
        do throws(RekeyError) {
            try RunReport(run, language: language).write()
            events(.information("Report: \(run.path + "/report.html")"))
        } catch {
            events(.warning("The report was not written: \(error.description); rekey report \(run.path) writes it"))
        }
    }

    /// So many more items of the step are done.
    func advance(_ items: Int) { progress.add(items: items) }
}

/// Samples of what a run did, a line a second in `metrics.ndjson`; after ten minutes one every 5 seconds, after an hour every 30.
///
/// For looking at afterwards only: a sample that cannot be written is left out, and the run goes on.
final class MetricsRecorder: Sendable {
    private struct State {
        var ticks = 0
        var last = ProgressCounters.Reading()
    }

    private let path: String
    private let progress: ProgressCounters
    private let state: Mutex<State>
    private let ticker = Mutex<Ticker?>(nil)

    init(_ path: String, progress: ProgressCounters) {
        self.path = path
        self.progress = progress
        state = Mutex(State(last: progress.reading))
        write(MetricsSample(progress.reading, since: progress.reading, isFirst: true))
        ticker.withLock { $0 = Ticker(after: 1000, every: 1000) { [weak self] in self?.tick() } }
    }

    private func tick() {
        let isDue = state.withLock {
            $0.ticks += 1
            return $0.ticks % ($0.ticks < 600 ? 1 : $0.ticks < 3600 ? 5 : 30) == 0
        }
        if isDue { sample() }
    }

    func sample() {
        let reading = progress.reading
        let last = state.withLock { state in
            defer { state.last = reading }
            return state.last
        }
        write(MetricsSample(reading, since: last, isFirst: false))
    }

    /// The last sample; a second call does nothing, so that a report written in between has all that there is.
    func finish() {
        let wasAtWork = ticker.withLock { ticker in
            defer { ticker = nil }
            return ticker != nil
        }
        if wasAtWork { sample() }
    }

    private func write(_ sample: MetricsSample) { try? appendLine(sample.line, to: path) }
}
