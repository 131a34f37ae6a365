import { rename, writeFile } from 'node:fs/promises'

/** Tells who started the process which port was taken; readers see the whole number or no file. */
export async function writePortFile(file: string, port: number): Promise<void> {
  const draft = `${file}.${process.pid}.tmp`
  await writeFile(draft, String(port))
  await rename(draft, file)
}
