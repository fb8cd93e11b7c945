// What is shown in words, numbers and times, in the user's language.
import ar from "../messages/ar.json";
import de from "../messages/de.json";
import en from "../messages/en.json";

export const catalogs = { en, de, ar } as const;
export type Language = keyof typeof catalogs;
export type Key = keyof typeof en;
/** A key that has a text for each plural category of a language: `key.one`, `key.other` and so on. */
export type CountKey = Key extends infer K ? (K extends `${infer Base}.other` ? Base : never) : never;
type Values = Record<string, string | number>;

export class Texts {
  readonly direction: "ltr" | "rtl";
  private readonly catalog: Record<string, string>;
  private readonly plural: Intl.PluralRules;
  private readonly numbers: Intl.NumberFormat;
  private readonly clock: Intl.DateTimeFormat;
  private readonly day: Intl.DateTimeFormat;
  private readonly longDay: Intl.DateTimeFormat;
  private readonly full: Intl.DateTimeFormat;
  private readonly relative: Intl.RelativeTimeFormat;
  private readonly names: Intl.ListFormat;

  constructor(readonly language: Language, timeZone?: string) {
    this.catalog = catalogs[language];
    this.direction = language === "ar" ? "rtl" : "ltr";
    const zone = timeZone === undefined ? {} : { timeZone };
    this.plural = new Intl.PluralRules(language);
    this.numbers = new Intl.NumberFormat(language);
    this.clock = new Intl.DateTimeFormat(language, { hour: "numeric", minute: "2-digit", ...zone });
    this.day = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", ...zone });
    this.longDay = new Intl.DateTimeFormat(language, { weekday: "long", day: "numeric", month: "long", year: "numeric", ...zone });
    this.full = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", ...zone });
    this.relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
    this.names = new Intl.ListFormat(language);
  }

  text(key: Key, values: Values = {}): string {
    return this.filled(this.catalog[key] ?? en[key], values);
  }

  count(key: CountKey, count: number, values: Values = {}): string {
    const text = this.catalog[`${key}.${this.plural.select(count)}`] ?? this.catalog[`${key}.other`] ?? "";
    return this.filled(text, { count: this.numbers.format(count), ...values });
  }

  number(value: number): string {
    return this.numbers.format(value);
  }

  list(names: readonly string[]): string {
    return this.names.format(names);
  }

  /** 14:05 */
  time(at: string): string {
    return formatted(this.clock, at);
  }

  /** The time of today's, the day of others. */
  short(at: string, now = new Date()): string {
    return formatted(sameDay(new Date(at), now) ? this.clock : this.day, at);
  }

  fullTime(at: string): string {
    return formatted(this.full, at);
  }

  /** Today, yesterday, or the day. */
  dayOf(at: string, now = new Date()): string {
    const days = Math.round((midnight(new Date(at)) - midnight(now)) / 86_400_000);
    if (days === 0 || days === -1) {
      const text = this.relative.format(days, "day");
      return text.charAt(0).toLocaleUpperCase(this.language) + text.slice(1);
    }
    return formatted(this.longDay, at);
  }

  /** 1.5 MB */
  bytes(size: number): string {
    const units = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;
    const step = size < 1 ? 0 : Math.min(Math.floor(Math.log10(size) / 3), units.length - 1);
    const value = size / 1000 ** step;
    const digits = step === 0 || value >= 100 ? 0 : 1;
    return new Intl.NumberFormat(this.language, { style: "unit", unit: units[step]!, unitDisplay: "short", maximumFractionDigits: digits }).format(value);
  }

  private filled(text: string, values: Values): string {
    return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole));
  }
}

/** The first of the user's languages that there are messages of. */
export function languageOf(wanted: readonly string[]): Language {
  for (const each of wanted) {
    const language = each.toLowerCase().split("-")[0]!;
    if (language in catalogs) return language as Language;
  }
  return "en";
}

/** Whether two times are of one day here. */
export function sameDay(a: Date, b: Date): boolean {
  return midnight(a) === midnight(b);
}

function midnight(at: Date): number {
  return Date.UTC(at.getFullYear(), at.getMonth(), at.getDate());
}

function formatted(format: Intl.DateTimeFormat, at: string): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? "" : format.format(date);
}
