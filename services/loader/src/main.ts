import { rm } from 'node:fs/promises'
import { openRedis } from '@millrace/coordination/open-redis.ts'
import { SharedBuckets } from '@millrace/coordination/shared-buckets.ts'
import { createProducer } from '@millrace/kafka/kafkajs-client.ts'
import { ensureTopics } from '@millrace/kafka/topics.ts'
import { createRegistry } from '@millrace/registry/registry.ts'
import { loadKek } from '@millrace/secrets/load-kek.ts'
import { openStore } from '@millrace/store/open-store.ts'
import { runContext } from '@millrace/store/runs/run-context.ts'
import { startAdminServer } from '@millrace/telemetry/admin-server.ts'
import { readEnv } from '@millrace/telemetry/config.ts'
import { startMetrics } from '@millrace/telemetry/metrics.ts'
import { runService } from '@millrace/telemetry/process.ts'
import { startTracing } from '@millrace/telemetry/tracing.ts'
import { loaderConfig } from './config.ts'
import { ProjectLinks } from './project-links.ts'
import { RunCache } from './run-cache.ts'
import { startLane } from './start-lane.ts'
import { WireSchemas } from './wire-schemas.ts'

/** Update batches in, requests to the destinations out; progress and counters in one statement. */
await runService({
  service: 'loader',
  async main({ log, instance, stopping, stopped, fail }) {
    const config = readEnv(loaderConfig)
    const now = () => performance.now()
    const connection = { brokers: config.brokers, clientId: 'loader', logger: log }
    const metrics = startMetrics({ service: 'loader', instance })
    const tracing = startTracing({ service: 'loader', instance })
    const store = openStore(config.storeUrl, { max: 8, applicationName: 'loader' })
    const redis = openRedis(config.redisUrl, {
      onAway: (err) => log.warn({ err }, 'Redis is away: this process keeps to its share of each rate'),
    })
    const links = new ProjectLinks({
      store,
      kek: loadKek(config.kekFile),
      buckets: new SharedBuckets(redis, { localShare: 1 / config.loadersExpected, now }),
      connections: config.connectionsMax,
      allowedCidrs: config.allowedCidrs,
      limits: config,
      now,
      log,
    })
    // Patience without end: a parked message given up would be a gap.
    const producer = createProducer({
      ...connection,
      compression: config.compression,
      deliveryTimeoutMs: Number.POSITIVE_INFINITY,
    })

    await rm(config.spoolDir, { recursive: true, force: true })
    await ensureTopics({ ...connection, ...config, warehouses: [] })
    const schemas = new WireSchemas(createRegistry({ url: config.registryUrl }))
    const runs = new RunCache((runId) => runContext(store, runId), now)
    const { instruments } = metrics
    const shared = {
      config,
      instance,
      producer,
      store,
      schemas,
      runs,
      links,
      instruments,
      tracing,
      log,
      stopping,
      fail,
    }
    const lanes = config.lanes.map((lane) => startLane(lane, shared))
    instruments.observeLag(() => lanes.flatMap((lane) => lane.lag()))
    const inFlightBytes = () => lanes.reduce((sum, lane) => sum + lane.inFlightBytes(), 0)
    instruments.observeInFlightBytes(() => [{ value: inFlightBytes(), labels: { stage: 'load' } }])
    const ready = () => lanes.every((lane) => lane.isMember()) || 'not a member of all groups yet'
    const admin = await startAdminServer({ port: config.adminPort, portFile: config.adminPortFile, ready, metrics })
    log.info({ admin: admin.url, lanes: config.lanes }, 'loading')

    await stopped()
    await Promise.all(lanes.map((lane) => lane.close()))
    await Promise.all([producer.close(), links.close()])
    redis.disconnect()
    await rm(config.spoolDir, { recursive: true, force: true })
    await Promise.all([admin.close(), store.close(), metrics.close(), tracing.close()])
  },
})
