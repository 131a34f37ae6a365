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
  // By the line feed alone: readline also ends lines at U+2028, which may stand in a string.
  let rest = ''
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) events.push(JSON.parse(line))
  }
  return events
}
