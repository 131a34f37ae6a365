import { mkdirSync, rmSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { startAdminServer } from '@millrace/telemetry/admin-server.ts'
import { readEnv } from '@millrace/telemetry/config.ts'
import { startMetrics } from '@millrace/telemetry/metrics.ts'
import { runService } from '@millrace/telemetry/process.ts'
import { startBackgroundWork } from './background-work.ts'
import { observeBacklog } from './backlog-metrics.ts'
import { ingestionConfig } from './config.ts'
import { createIngestionServer } from './http/server.ts'
import { DatabasePool } from './index/database-pool.ts'
import { lockDataDir } from './lock-data-dir.ts'
import { BufferPool } from './log/buffer-pool.ts'
import { Projects } from './projects/projects.ts'

/** The reference destination: what arrives is in a log on disk before it is answered; DuckDB follows the log. */
await runService({
  service: 'ingestion',
  async main({ log, instance, stopped, fail }) {
    const config = readEnv(ingestionConfig)
    const metrics = startMetrics({ service: 'ingestion', instance })
    const now = () => Date.now()
    mkdirSync(config.dataDir, { recursive: true, mode: 0o700 })
    const unlock = lockDataDir(config.dataDir)
    const pool = new DatabasePool({ openMax: config.openProjectsMax, memoryMb: config.duckdbMemoryMb, now })
    const projects = await Projects.open(config.dataDir, {
      pool,
      log,
      segmentBytesMax: config.segmentBytesMax,
      now,
      fail,
    })
    observeBacklog(metrics.meter, projects)
    const background = startBackgroundWork(projects, { pool, tickMs: config.tickMs, log, fail })
    const { instruments } = metrics
    const server = await createIngestionServer({ projects, config, instruments, buffers: new BufferPool(), now }, log)
    await server.listen({ host: config.host, port: config.port })
    const { port } = server.server.address() as AddressInfo
    if (config.portFile) {
      await writeFile(`${config.portFile}.draft`, String(port))
      await rename(`${config.portFile}.draft`, config.portFile)
    }
    const ready = () => background.state()
    const admin = await startAdminServer({ port: config.adminPort, portFile: config.adminPortFile, ready, metrics })
    log.info({ admin: admin.url, port }, 'taking events')

    await stopped()
    await server.close()
    await background.close()
    await projects.close()
    if (config.portFile) rmSync(config.portFile, { force: true })
    unlock()
    await Promise.all([admin.close(), metrics.close()])
  },
})
