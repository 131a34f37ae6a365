import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import type { PipelineProject } from '@millrace/local-stack/pipeline-client.ts'

export type ExportedEvent = { readonly event: string; readonly properties: Readonly<Record<string, unknown>> }

/** Everything that the destination holds of one sync, through its raw export. */
export async function exportedEvents(project: PipelineProject, importId: string): Promise<ExportedEvent[]> {
  const { username, secret } = project.account
  const query = new URLSearchParams({
    project_id: project.destinationProjectId,
    from_date: '2000-01-01',
    to_date: '2100-01-01',
    import_id: importId,
  })
  const response = await fetch(`${project.destination.baseUrl}/api/2.0/export?${query}`, {
    headers: { authorization: `Basic ${Buffer.from(`${username}:${secret}`).toString('base64')}` },
  })
  if (!response.ok || response.body === null) throw new Error(`export: ${response.status} ${await response.text()}`)
  const events: ExportedEvent[] = []
  for await (const line of createInterface({ input: Readable.fromWeb(response.body) })) {
    if (line !== '') events.push(JSON.parse(line))
  }
  return events
}
