/** 1234567 → `1,234,567`. */
export function countText(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** 75 → `1:15`, in seconds. */
export function secondsText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}
