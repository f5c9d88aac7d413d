// Prints ../zones.tsv: java Zones.java > ../zones.tsv (JDK 17).
import java.time.*;
import java.time.format.*;
import java.util.*;

public class Zones {
    public static void main(String[] args) {
        Map<String, List<String>> ids = new TreeMap<>();
        Instant at = Instant.parse("2026-01-15T00:00:00Z");
        for (String id : new TreeSet<>(ZoneId.getAvailableZoneIds())) {
            if (!id.matches("[a-zA-Z/_]+")) continue; // what CustomTimeZone takes
            TimeZone zone = TimeZone.getTimeZone(id);
            List<String> names = new ArrayList<>();
            for (int style : new int[]{TimeZone.SHORT, TimeZone.LONG}) {
                names.add(zone.getDisplayName(false, style, Locale.US));
                names.add(zone.getDisplayName(true, style, Locale.US));
                names.add(DateTimeFormatter.ofPattern(style == TimeZone.SHORT ? "v" : "vvvv", Locale.US)
                    .format(at.atZone(ZoneId.of(id))));
            }
            ids.computeIfAbsent(String.join("|", names), k -> new ArrayList<>()).add(id);
        }
        ids.forEach((names, all) -> System.out.println(names + "\t" + String.join(" ", all)));
    }
}
