import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

export type FilesHolding = {
  readonly filesRead: number
  /** Files that hold the text, as it is or in base64. */
  of(text: string): readonly string[]
}

/** Looks for texts in all files below a folder. `skip` leaves folders and files out whose path matches. */
export function filesHolding(dir: string, texts: readonly string[], { skip }: { skip: RegExp }): FilesHolding {
  const holders = new Map<string, string[]>(texts.map((text) => [text, []]))
  let filesRead = 0
  const look = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const file = path.join(folder, entry.name)
      if (skip.test(file)) continue
      if (entry.isDirectory()) look(file)
      else if (entry.isFile()) lookIn(file)
    }
  }
  const lookIn = (file: string): void => {
    filesRead++
    const content = readFileSync(file)
    for (const [text, files] of holders) {
      if (spellings(text).some((spelling) => content.includes(spelling))) files.push(file)
    }
  }
  look(dir)
  return { filesRead, of: (text) => holders.get(text) ?? [] }
}

/** Base64 spells a text in three ways, by its place in what is encoded; of each the part that depends on the text alone. */
function spellings(text: string): string[] {
  const encoded = [0, 1, 2].map((shift) => {
    const base64 = Buffer.from(`${' '.repeat(shift)}${text}`).toString('base64')
    return base64.slice(shift === 0 ? 0 : shift + 1, Math.floor(((text.length + shift) * 8) / 24) * 4)
  })
  return [text, ...encoded]
}
