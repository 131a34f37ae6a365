import type { SharedBuckets } from '@millrace/coordination/shared-buckets.ts'
import type { DestinationConfig } from '@millrace/destinations/destination.ts'
import { DestinationError } from '@millrace/destinations/destination-error.ts'
import { openDestination } from '@millrace/destinations/open-destination.ts'
import { MillraceError } from '@millrace/domain/errors.ts'
import type { Kek } from '@millrace/secrets/kek.ts'
import { open } from '@millrace/secrets/open.ts'
import type { Database } from '@millrace/store/open-store.ts'
import { type ProjectDestination, projectDestination } from '@millrace/store/projects/destination.ts'
import { setProjectAttention } from '@millrace/store/projects/set-attention.ts'
import type { Logger } from '@millrace/telemetry/logger.ts'
import { type Attention, type LinkLimits, type OpenedProject, ProjectLink } from './project-link.ts'

export type ProjectLinksParts = {
  readonly store: Database
  readonly kek: Kek
  readonly buckets: SharedBuckets
  readonly connections: number
  readonly allowedCidrs: readonly string[]
  readonly limits: LinkLimits
  now(): number
  readonly log: Logger
}

/** Seconds of the rate that may be sent at once after a pause. */
const burstSeconds = 2

/** One link per project that this process loads for. */
export class ProjectLinks {
  readonly #parts: ProjectLinksParts
  readonly #links = new Map<string, ProjectLink>()

  constructor(parts: ProjectLinksParts) {
    this.#parts = parts
  }

  of(projectId: string): ProjectLink {
    let link = this.#links.get(projectId)
    if (!link) {
      link = this.#make(projectId)
      this.#links.set(projectId, link)
    }
    return link
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#links.values(), (link) => link.close()))
  }

  #make(projectId: string): ProjectLink {
    const { store, buckets, limits, now, log } = this.#parts
    return new ProjectLink({
      projectId,
      limits,
      now,
      log,
      open: async () => this.#open(projectId, await projectDestination(store, projectId)),
      look: async () => {
        const project = await projectDestination(store, projectId)
        return { version: versionOf(project), attention: project === null || project.attention !== null }
      },
      tell: (attention) => setProjectAttention(store, { projectId, attention }),
      bucket: (tokensPerSecond) =>
        buckets.bucket(`project:${projectId}`, { tokensPerSecond, burstTokens: tokensPerSecond * burstSeconds }),
    })
  }

  #open(projectId: string, project: ProjectDestination | null): OpenedProject | Attention {
    const { kek, connections, allowedCidrs } = this.#parts
    if (!project) {
      const hint = 'Delete what still belongs to it.'
      return { code: 'project_not_found', message: `There is no project ${projectId}.`, hint }
    }
    try {
      const owner = `project:${projectId}`
      const secrets = project.secrets.map(
        (sealed) => [sealed.field, open({ kek, sealed, tenant: projectId, owner, field: sealed.field })] as const,
      )
      const config = { ...project.config, ...Object.fromEntries(secrets) } as DestinationConfig
      const destination = openDestination(config, { connections, policy: { allowedCidrs } })
      return { destination, version: versionOf(project) }
    } catch (error) {
      if (!(error instanceof DestinationError) && !(error instanceof MillraceError)) throw error
      return { code: error.code, message: error.message, hint: error.hint }
    }
  }
}

function versionOf(project: ProjectDestination | null): string {
  return project === null ? '' : project.updatedAt.toISOString()
}
