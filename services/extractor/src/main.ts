import { randomUUID } from 'node:crypto'
import { createProducer } from '@millrace/kafka/kafkajs-client.ts'
import { ensureTopics } from '@millrace/kafka/topics.ts'
import { createRegistry } from '@millrace/registry/registry.ts'
import { loadKek } from '@millrace/secrets/load-kek.ts'
import { openStore, pingStore } from '@millrace/store/open-store.ts'
import { startAdminServer } from '@millrace/telemetry/admin-server.ts'
import { readEnv } from '@millrace/telemetry/config.ts'
import { startMetrics } from '@millrace/telemetry/metrics.ts'
import { runService } from '@millrace/telemetry/process.ts'
import { startTracing } from '@millrace/telemetry/tracing.ts'
import { extractorConfig } from './config.ts'
import type { ExtractorContext } from './extractor-context.ts'
import { startHousekeeping } from './housekeeping.ts'
import { PinHolder } from './pin-holder.ts'
import { publishLimits } from './publish-limits.ts'
import { SourceConnections } from './source-connections.ts'
import { runTaskLoop } from './task-loop.ts'

/** Rows out of a warehouse, into batches of its changes topic: work comes as leased tasks from the control store. */
await runService({
  service: 'extractor',
  async main({ log, instance, stopping }) {
    const config = readEnv(extractorConfig)
    const connection = { brokers: config.brokers, clientId: 'extractor', logger: log }
    const identity = { service: 'extractor', instance }
    const metrics = startMetrics(identity)
    const tracing = startTracing(identity)
    const db = openStore(config.storeUrl, { max: config.taskLoops + 2, applicationName: 'millrace-extractor' })
    const sources = new SourceConnections(db, loadKek(config.kekFile), config)
    const producer = createProducer({ ...connection, compression: config.compression })
    const pins = new PinHolder()
    await ensureTopics({ ...connection, ...config, warehouses: [config.warehouse] })

    const context: ExtractorContext = {
      db,
      producer,
      registry: createRegistry({ url: config.registryUrl }),
      pins,
      instruments: metrics.instruments,
      tracing,
      activity: { tasks: 0 },
      owner: `${instance}/${randomUUID()}`,
      partitions: config.partitions,
      limits: publishLimits(config),
      chunkRows: config.chunkRows,
      warehouseOf: (sourceId) => sources.get(sourceId),
    }
    const renewEveryMs = Math.min(1000, config.leaseMs / 4)
    const loops = Array.from({ length: config.taskLoops }, () =>
      runTaskLoop(context, { ...config, renewEveryMs }, log, stopping),
    )
    const housekeeping = startHousekeeping(context, sources, config, log)
    const ready = () => pingStore(db).then(() => true)
    const admin = await startAdminServer({ port: config.adminPort, portFile: config.adminPortFile, ready, metrics })
    log.info({ admin: admin.url, warehouse: config.warehouse, lanes: config.lanes }, 'extracting')

    await Promise.all(loops)
    await housekeeping.close()
    await pins.close()
    await Promise.all([sources.close(), producer.close()])
    await Promise.all([admin.close(), db.close(), metrics.close(), tracing.close()])
  },
})
