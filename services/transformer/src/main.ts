import { InFlightBytes } from '@millrace/kafka/in-flight-bytes.ts'
import { createProducer } from '@millrace/kafka/kafkajs-client.ts'
import { ensureTopics } from '@millrace/kafka/topics.ts'
import { createRegistry } from '@millrace/registry/registry.ts'
import { openStore } from '@millrace/store/open-store.ts'
import { runContext } from '@millrace/store/runs/run-context.ts'
import { startAdminServer } from '@millrace/telemetry/admin-server.ts'
import { readEnv } from '@millrace/telemetry/config.ts'
import { startMetrics } from '@millrace/telemetry/metrics.ts'
import { runService } from '@millrace/telemetry/process.ts'
import { startTracing } from '@millrace/telemetry/tracing.ts'
import { transformerConfig } from './config.ts'
import { createRunTransforms } from './run-transforms.ts'
import { startLane } from './start-lane.ts'
import { WireSchemas } from './wire-schemas.ts'

/** Change batches in, update batches out: the same rows, mapped and checked, in the same partition and order. */
await runService({
  service: 'transformer',
  async main({ log, instance, stopping, stopped, fail }) {
    const config = readEnv(transformerConfig)
    const connection = { brokers: config.brokers, clientId: 'transformer', logger: log }
    const identity = { service: 'transformer', instance }
    const metrics = startMetrics(identity)
    const tracing = startTracing(identity)
    const store = openStore(config.storeUrl, { max: 4 })
    const registry = createRegistry({ url: config.registryUrl })
    // Patience without end: a message given up would be a gap; too large is what does not fit uncompressed either.
    const producer = createProducer({
      ...connection,
      compression: config.compression,
      deliveryTimeoutMs: Number.POSITIVE_INFINITY,
      messageBytesMax: 64 * 1024 * 1024,
    })

    await ensureTopics({ ...connection, ...config })
    const inFlight = new InFlightBytes(config.inFlightBytesMax)
    const shared = {
      config,
      producer,
      schemas: new WireSchemas(registry),
      runs: createRunTransforms(
        (runId) => runContext(store, runId),
        () => performance.now(),
      ),
      inFlight,
      instruments: metrics.instruments,
      tracing,
      log,
      stopping,
      fail,
    }
    const lanes = config.lanes.map((lane) => startLane(lane, shared))
    metrics.instruments.observeLag(() => lanes.flatMap((lane) => lane.lag()))
    metrics.instruments.observeInFlightBytes(() => [{ value: inFlight.bytes, labels: { stage: 'transform' } }])
    const ready = () => lanes.every(({ consumer }) => consumer.isMember()) || 'not a member of all groups yet'
    const admin = await startAdminServer({ port: config.adminPort, portFile: config.adminPortFile, ready, metrics })
    log.info({ admin: admin.url, lanes: config.lanes }, 'transforming')

    await stopped()
    await Promise.all(lanes.map(({ consumer }) => consumer.close()))
    await producer.close()
    await Promise.all([admin.close(), store.close(), metrics.close(), tracing.close()])
  },
})
