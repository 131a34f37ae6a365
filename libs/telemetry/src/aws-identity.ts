import type { EnvReader } from './config.ts'

/** Millrace's own AWS identity from `MILLRACE_AWS_ACCESS_KEY_ID` and `MILLRACE_AWS_SECRET_ACCESS_KEY[_FILE]`; undefined when the first is not set. */
export function awsIdentity(
  read: EnvReader,
): { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined {
  const accessKeyId = read.optional('MILLRACE_AWS_ACCESS_KEY_ID')
  if (accessKeyId === undefined) return undefined
  return { accessKeyId, secretAccessKey: read.secret('MILLRACE_AWS_SECRET_ACCESS_KEY') }
}
