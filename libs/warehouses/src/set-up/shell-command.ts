/** A word that every shell takes as it stands: no expansion begins with its first character. */
const plain = /^[A-Za-z0-9/_.][A-Za-z0-9/_.,:@=+-]*$/

/** Text as one word of a POSIX shell: nothing in it is expanded. https://pubs.opengroup.org/onlinepubs/9699919799/utilities/V3_chap02.html#tag_18_02_02 */
export function shellWord(text: string): string {
  if (text.includes('\0')) throw new Error('a word of a shell cannot hold a zero byte')
  return plain.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

/** A command with `--name value` for every option; a value that looks like an option is tied to its name. */
export function shellCommand(words: readonly string[], options: Readonly<Record<string, string | null>>): string {
  const tail = Object.entries(options).map(([name, value]) => {
    if (value === null) return `--${name}`
    return value.startsWith('-') ? `--${name}=${shellWord(value)}` : `--${name} ${shellWord(value)}`
  })
  return [...words.map(shellWord), ...tail].join(' ')
}
