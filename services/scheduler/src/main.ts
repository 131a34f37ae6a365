import { randomUUID } from 'node:crypto'
import { openStore } from '@millrace/store/open-store.ts'
import { schemaReady } from '@millrace/store/schema-ready.ts'
import { startAdminServer } from '@millrace/telemetry/admin-server.ts'
import { readEnv } from '@millrace/telemetry/config.ts'
import { startMetrics } from '@millrace/telemetry/metrics.ts'
import { runService } from '@millrace/telemetry/process.ts'
import { schedulerConfig } from './config.ts'
import { Leadership } from './leadership.ts'
import { schedulerMetrics } from './scheduler-metrics.ts'
import { startRounds } from './start-rounds.ts'

/** Starts the runs that are due, and ends the runs that are at their end. One of several processes does; the others stand by. */
await runService({
  service: 'scheduler',
  async main({ log, instance, stopping, stopped }) {
    const config = readEnv(schedulerConfig)
    const metrics = startMetrics({ service: 'scheduler', instance })
    const store = openStore(config.storeUrl, { max: 4, applicationName: 'millrace-scheduler' })
    const leadership = new Leadership(store, {
      name: 'scheduler',
      owner: `${instance}/${randomUUID()}`,
      leaseMs: config.leaseMs,
      log,
    })
    const leads = () => leadership.leads
    const keeping = leadership.keep(stopping)
    const rounds = startRounds({
      db: store,
      config,
      leads,
      stop: stopping,
      log,
      metrics: schedulerMetrics(metrics, leads),
      now: () => new Date(),
    })
    // Standing by is being ready: a scheduler that leads has nothing that callers could send to another one.
    const ready = async () => (await schemaReady(store)) || 'the control store is not migrated yet'
    const admin = await startAdminServer({ port: config.adminPort, portFile: config.adminPortFile, ready, metrics })
    log.info({ admin: admin.url }, 'scheduling')

    await stopped()
    await Promise.all([keeping, rounds])
    await Promise.all([admin.close(), store.close(), metrics.close()])
  },
})
