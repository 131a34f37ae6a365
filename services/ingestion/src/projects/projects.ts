import { mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { CredentialCheck, type CredentialOutcome } from './credential-check.ts'
import { Project, type ProjectShared } from './project.ts'
import { loadSettings, type ProjectLimits, type ProjectSettings, saveSettings } from './project-settings.ts'
import { hashSecret } from './secret-hash.ts'

export type ProjectInput = {
  readonly token: string
  readonly serviceAccounts: readonly { readonly username: string; readonly secret: string }[]
  readonly limits: ProjectLimits
}

export type Authenticated =
  | { readonly outcome: Exclude<CredentialOutcome, 'good'> }
  | { readonly outcome: 'good'; readonly project: Project }

/** All projects of a data folder, each in a folder of its own: `projects/<id>`. */
export class Projects {
  readonly #dir: string
  readonly #shared: ProjectShared
  readonly #credentials: CredentialCheck
  readonly #byId = new Map<string, Project>()
  readonly #byToken = new Map<string, Project>()
  /** Changes happen one after the other. */
  #puts: Promise<unknown> = Promise.resolve()

  private constructor(dir: string, shared: ProjectShared) {
    this.#dir = dir
    this.#shared = shared
    this.#credentials = new CredentialCheck(shared.now)
  }

  static async open(dataDir: string, shared: ProjectShared): Promise<Projects> {
    const dir = path.join(dataDir, 'projects')
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    const projects = new Projects(dir, shared)
    for (const name of readdirSync(dir)) {
      const settings = loadSettings(path.join(dir, name))
      if (settings !== null) projects.#add(await Project.open(path.join(dir, name), settings, shared))
    }
    return projects
  }

  get all(): Iterable<Project> {
    return this.#byId.values()
  }

  byId(id: string): Project | undefined {
    return this.#byId.get(id)
  }

  byToken(token: string): Project | undefined {
    return this.#byToken.get(token)
  }

  /** Makes a project or replaces its settings; false when another project has the token. */
  put(projectId: string, input: ProjectInput): Promise<boolean> {
    const done = this.#puts.then(() => this.#put(projectId, input))
    this.#puts = done.catch(() => undefined)
    return done
  }

  async #put(projectId: string, input: ProjectInput): Promise<boolean> {
    const serviceAccounts = []
    for (const { username, secret } of input.serviceAccounts)
      serviceAccounts.push({ username, secretHash: await hashSecret(secret) })
    const holder = this.#byToken.get(input.token)
    if (holder !== undefined && holder.id !== projectId) return false
    const settings: ProjectSettings = { projectId, token: input.token, serviceAccounts, limits: input.limits }
    const dir = path.join(this.#dir, projectId)
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    const known = this.#byId.get(projectId)
    if (known === undefined) {
      const project = await Project.open(dir, settings, this.#shared)
      saveSettings(dir, settings)
      this.#add(project)
    } else {
      saveSettings(dir, settings)
      this.#byToken.delete(known.settings.token)
      known.configure(settings)
      this.#byToken.set(settings.token, known)
    }
    return true
  }

  /** Whether basic auth is a service account of the project that `projectId` names. */
  async authenticate(username: string, secret: string, projectId: string | null): Promise<Authenticated> {
    const project = projectId === null ? undefined : this.#byId.get(projectId)
    const account = project?.settings.serviceAccounts.find((each) => each.username === username)
    const outcome = await this.#credentials.check(secret, account?.secretHash ?? null)
    return outcome === 'good' ? { outcome, project: project! } : { outcome }
  }

  async close(): Promise<void> {
    for (const project of this.#byId.values()) await project.close()
    await this.#shared.pool.close()
  }

  #add(project: Project): void {
    this.#byId.set(project.id, project)
    this.#byToken.set(project.settings.token, project)
  }
}
