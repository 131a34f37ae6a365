import type { Instruments } from '@millrace/telemetry/instruments.ts'
import type { IngestionConfig } from '../config.ts'
import type { BufferPool } from '../log/buffer-pool.ts'
import type { Projects } from '../projects/projects.ts'

/** What the routes work with. */
export type HttpContext = {
  readonly projects: Projects
  readonly config: IngestionConfig
  readonly instruments: Instruments
  readonly buffers: BufferPool
  readonly now: () => number
}
