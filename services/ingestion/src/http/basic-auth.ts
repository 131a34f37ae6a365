import type { Project } from '../projects/project.ts'
import type { Projects } from '../projects/projects.ts'
import { MixpanelError } from './mixpanel-error.ts'

/** User name and secret of an Authorization header, null when it is not basic auth. */
export function readBasicAuth(header: string | undefined): { username: string; secret: string } | null {
  const match = /^basic\s+([a-z0-9+/=]+)$/i.exec(header ?? '')
  if (match === null) return null
  const pair = Buffer.from(match[1]!, 'base64').toString('utf8')
  const colon = pair.indexOf(':')
  return colon < 0 ? null : { username: pair.slice(0, colon), secret: pair.slice(colon + 1) }
}

/**
 * The project that events may be sent to: that of a service account, or of the token that stands as user name (with any
 * password; with `projectId` it must be that project's). Tokens stand in every web page that sends events, so they open
 * nothing else. Throws as `authenticate`.
 */
export async function authenticateSender(
  projects: Projects,
  header: string | undefined,
  projectId: string | null,
): Promise<Project> {
  const byToken = projects.byToken(readBasicAuth(header)?.username ?? '')
  if (byToken !== undefined && (projectId === null || byToken.id === projectId)) return byToken
  return authenticate(projects, header, projectId)
}

/** The project of a service account; throws a MixpanelError with 401, or 429 when too many are checked. */
export async function authenticate(
  projects: Projects,
  header: string | undefined,
  projectId: string | null,
): Promise<Project> {
  const pair = readBasicAuth(header)
  if (pair === null) throw new MixpanelError(401, 'Invalid credentials: basic auth with a service account is needed')
  const found = await projects.authenticate(pair.username, pair.secret, projectId)
  if (found.outcome === 'good') return found.project
  if (found.outcome === 'busy') throw new MixpanelError(429, 'Too many credentials wait to be verified', 1)
  throw new MixpanelError(401, 'Invalid credentials')
}
