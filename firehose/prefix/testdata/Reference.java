// Prints jdk17.tsv: java Reference.java > jdk17.tsv (JDK 17). Columns: pattern,
// time zone, instant, text. VV, padding and optional sections, which the
// formatter takes, are printed as refused: this package refuses them.
import java.time.*;
import java.time.format.*;
import java.util.*;

public class Reference {
    static void print(String pattern, String zone, String instant, boolean refused) {
        String text = "refused";
        if (!refused) {
            try {
                text = DateTimeFormatter.ofPattern(pattern, Locale.US).format(Instant.parse(instant).atZone(ZoneId.of(zone)));
            } catch (RuntimeException e) {
                // not a pattern, or one that cannot be printed
            }
        }
        System.out.println(pattern + "\t" + zone + "\t" + instant + "\t" + text);
    }

    public static void main(String[] args) {
        String[] patterns = {
            "yyyy/MM/dd/HH", "YYYY-'W'ww-e", "yy-M-d h:mm a", "uuuu D DD DDD", "EEEE EEE EEEEE E", "MMMM MMM MMMMM L LLL",
            "G GGGG GGGGG", "q Q QQQ QQQQ", "w W F", "k kk K KK H h hh", "a B BBBB", "S SS SSS SSSSSS SSSSSSSSS", "A n N",
            "g gggggg", "X XX XXX XXXX XXXXX", "x xx xxx xxxx xxxxx", "Z ZZZZ ZZZZZ O OOOO", "z zzzz v vvvv",
            "c ccc cccc ccccc ee eee", "''yyyy''", "'it''s' yyyy", "yyyy'T'HH:mm:ss.SSSXXX", "YY ww", "yyyyy uuuuuu",
            "'ann\u00e9e' yyyy ~!@$%^&*()_+|\\:;<>?,./", "YYYYYYYYYYYYYYYYYYYY",
        };
        String[] zones = {
            "UTC", "America/New_York", "Europe/Dublin", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Kiritimati",
            "America/St_Johns", "Africa/Casablanca", "Europe/Madrid", "Asia/Tokyo",
        };
        String[] instants = {
            "2026-07-13T10:42:07Z", "2025-12-29T12:00:00Z", "2026-12-28T12:00:00Z", "2024-02-29T23:59:59.999Z",
            "2026-11-01T06:30:00Z", "2026-03-08T07:00:00Z", "2023-01-01T00:00:00Z", "2028-12-31T23:30:00.001Z",
            "1969-12-31T23:59:59.999Z", "2027-02-28T12:00:00Z",
        };
        for (int p = 0; p < patterns.length; p++)
            for (int i = 0; i < instants.length; i++)
                print(patterns[p], zones[(i + p) % zones.length], instants[i], false);
        String at = "2026-03-08T09:05:03.042Z";
        for (char c : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".toCharArray())
            for (int n = 1; n <= 21; n++)
                print(String.valueOf(c).repeat(n), "America/New_York", at, c == 'V');
        for (String p : new String[]{"yyyy'", "'", ", '", "{", "}", "#", "yyyy'a''", "\u00e9", "yyyyb", "\u65e5"})
            print(p, "UTC", at, false);
        for (String p : new String[]{"[yyyy]", "yyyy]", "p", "ppH", "VV"})
            print(p, "UTC", at, true);
        for (String id : new TreeSet<>(ZoneId.getAvailableZoneIds()))
            if (id.matches("[a-zA-Z/_]+")) // what CustomTimeZone takes
                for (String instant : new String[]{"2026-01-15T00:00:00Z", "2026-07-15T00:00:00Z"})
                    print("z zzzz v vvvv", id, instant, false);
    }
}
