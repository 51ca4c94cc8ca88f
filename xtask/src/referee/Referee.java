// The other half of `cargo xtask referee`: runs SQL scripts in one Flink, and says what came out.
//
//   stdin    one JSON object a line: {"name": "tumble", "settings": {"k": "v"}, "sql": "CREATE ..; SELECT ..;"}
//   stdout   "ready VERSION", then one JSON object a line for each line read:
//            {"statements": [{"text": "SELECT ..", "kind": "select" | "insert",
//                             "modes": ["I,UB,UA"], "columns": [["k", "STRING NOT NULL"]],
//                             "rows": ["{..}", ..], "error": "why it was refused, or why it failed"}]}
//
// * One mini cluster serves all scripts; each script has a catalog of its own. Jobs run one after another.
// * Only queries, INSERTs and what was refused are reported. A script ends at its first refusal that
//   later statements may depend on (a definition); queries and INSERTs that are refused do not end it.
// * A query's changes are folded into the rows that are left; a change that takes away a row that was
//   never there is an error.
// * What the shell does with a script is done here: splitting, SET, RESET. A change of
//   'execution.runtime-mode' makes a new environment, in which the definitions are repeated.
// * Rows are written as `millstream run --format json` writes them.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Array;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.Period;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import org.apache.flink.api.dag.Pipeline;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.PipelineExecutor;
import org.apache.flink.core.execution.PipelineExecutorFactory;
import org.apache.flink.core.execution.PipelineExecutorServiceLoader;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.runtime.minicluster.MiniClusterJobClient;
import org.apache.flink.runtime.util.EnvironmentInformation;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ArrayNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.graph.StreamGraph;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableResult;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.api.internal.TableEnvironmentInternal;
import org.apache.flink.table.catalog.Column;
import org.apache.flink.table.operations.Operation;
import org.apache.flink.table.operations.ModifyOperation;
import org.apache.flink.table.operations.QueryOperation;
import org.apache.flink.table.operations.StatementSetOperation;
import org.apache.flink.table.operations.command.ResetOperation;
import org.apache.flink.table.operations.command.SetOperation;
import org.apache.flink.table.types.logical.ArrayType;
import org.apache.flink.table.types.logical.LocalZonedTimestampType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.MapType;
import org.apache.flink.table.types.logical.MultisetType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.TimeType;
import org.apache.flink.table.types.logical.TimestampType;
import org.apache.flink.types.Row;
import org.apache.flink.types.RowKind;
import org.apache.flink.util.CloseableIterator;

public class Referee {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long JOB_SECONDS_MAX = 60;
    private static final String MODE = "execution.runtime-mode";
    private static final Pattern SET_OF_STATEMENTS =
            Pattern.compile("^(EXECUTE|EXPLAIN\\b.*?)\\s+STATEMENT\\s+SET\\b", Pattern.CASE_INSENSITIVE | Pattern.DOTALL);
    private static final Pattern END = Pattern.compile("\\bEND$", Pattern.CASE_INSENSITIVE);
    private static final Pattern CHANGELOG = Pattern.compile("changelogMode=\\[([A-Z,]*)\\]");

    public static void main(String[] arguments) throws Exception {
        // Whatever else is printed must not come between our lines.
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        System.setOut(System.err);
        Configuration configuration = new Configuration();
        configuration.setString("rest.bind-port", "0");
        configuration.setString("rest.address", "127.0.0.1");
        configuration.setString("taskmanager.memory.network.min", "64mb");
        configuration.setString("taskmanager.memory.network.max", "64mb");
        configuration.setString("taskmanager.memory.managed.size", "256mb");
        MiniClusterConfiguration cluster = new MiniClusterConfiguration.Builder()
                .setConfiguration(configuration).setNumTaskManagers(1).setNumSlotsPerTaskManager(16).build();
        try (MiniCluster flink = new MiniCluster(cluster)) {
            flink.start();
            out.println("ready " + EnvironmentInformation.getVersion());
            BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                JsonNode request = JSON.readTree(line);
                ObjectNode answer = JSON.createObjectNode();
                new Script(flink, request, answer.putArray("statements")).run();
                out.println(JSON.writeValueAsString(answer));
            }
        }
        // Threads of Flink that nobody needs any more are not waited for.
        System.exit(0);
    }

    /** One script, with its catalog and settings. */
    private static final class Script {
        private final MiniCluster flink;
        private final JsonNode request;
        private final ArrayNode answers;
        private final Map<String, String> settings = new LinkedHashMap<>();
        private final List<String> definitions = new ArrayList<>();
        private StreamTableEnvironment tables;

        Script(MiniCluster flink, JsonNode request, ArrayNode answers) {
            this.flink = flink;
            this.request = request;
            this.answers = answers;
            begin();
        }

        private void begin() {
            settings.clear();
            request.get("settings").fields().forEachRemaining(e -> settings.put(e.getKey(), e.getValue().asText()));
            connect();
        }

        private void connect() {
            Configuration configuration = new Configuration();
            configuration.setString("execution.target", "referee");
            settings.forEach(configuration::setString);
            boolean isBatch = "batch".equalsIgnoreCase(settings.get(MODE));
            StreamExecutionEnvironment jobs = new StreamExecutionEnvironment(
                    new ToMiniCluster(flink), configuration, Referee.class.getClassLoader());
            EnvironmentSettings.Builder mode = EnvironmentSettings.newInstance().withConfiguration(configuration);
            tables = StreamTableEnvironment.create(jobs, (isBatch ? mode.inBatchMode() : mode.inStreamingMode()).build());
            definitions.forEach(tables::executeSql);
        }

        void run() {
            for (String text : split(request.get("sql").asText())) {
                ObjectNode answer = JSON.createObjectNode().put("text", text);
                try {
                    if (!statement(text, answer)) {
                        continue;
                    }
                } catch (Throwable failure) {
                    answer.put("error", reason(failure));
                }
                answers.add(answer);
                if (!answer.has("kind")) {
                    return;
                }
            }
        }

        /** True if there is something to report. */
        private boolean statement(String text, ObjectNode answer) throws Exception {
            // What is no definition may be refused without harm to the rest.
            String word = bare(text).split("[\\s(]", 2)[0].toUpperCase(Locale.ROOT);
            if (List.of("SELECT", "WITH", "VALUES", "").contains(word)) {
                answer.put("kind", "select");
            } else if (List.of("INSERT", "EXECUTE").contains(word)) {
                answer.put("kind", "insert");
            }
            Operation operation = ((TableEnvironmentInternal) tables).getParser().parse(text).get(0);
            if (operation instanceof SetOperation set) {
                set.getKey().ifPresent(key -> set(key, set.getValue().orElse("")));
                return false;
            } else if (operation instanceof ResetOperation reset) {
                reset.getKey().ifPresentOrElse(key -> { settings.remove(key); connect(); }, this::begin);
                return false;
            } else if (operation instanceof QueryOperation) {
                explain(text, answer);
                query(text, answer);
                return true;
            } else if (operation instanceof ModifyOperation || operation instanceof StatementSetOperation) {
                explain(bare(text).replaceFirst("(?i)^EXECUTE\\s+", ""), answer);
                TableResult result = tables.executeSql(text);
                try {
                    result.await(JOB_SECONDS_MAX, TimeUnit.SECONDS);
                } catch (TimeoutException late) {
                    result.getJobClient().ifPresent(JobClient::cancel);
                    throw late;
                }
                return true;
            }
            tables.executeSql(text);
            definitions.add(text);
            return false;
        }

        private void set(String key, String value) {
            settings.put(key, value);
            if (key.equals(MODE)) {
                connect();
            } else {
                tables.getConfig().set(key, value);
            }
        }

        /** The kinds of changes that come to each sink, or out of the query. */
        private void explain(String text, ObjectNode answer) {
            ArrayNode modes = answer.putArray("modes");
            if ("batch".equalsIgnoreCase(settings.get(MODE))) {
                modes.add("I");
                return;
            }
            Row row = tables.executeSql("EXPLAIN CHANGELOG_MODE " + text).collect().next();
            String plan = String.valueOf(row.getField(0));
            plan = plan.substring(plan.indexOf("== Optimized Physical Plan =="));
            boolean isOpen = false;
            for (String line : plan.split("\n")) {
                if (line.startsWith("== ") && !line.contains("Physical")) {
                    break;
                }
                if (!line.isEmpty() && Character.isLetter(line.charAt(0))) {
                    isOpen = true;
                }
                Matcher mode = CHANGELOG.matcher(line);
                if (isOpen && mode.find() && !mode.group(1).equals("NONE")) {
                    modes.add(mode.group(1));
                    isOpen = false;
                }
            }
        }

        private void query(String text, ObjectNode answer) throws Exception {
            TableResult result = tables.executeSql(text);
            List<Column> columns = result.getResolvedSchema().getColumns();
            ArrayNode types = answer.putArray("columns");
            for (Column column : columns) {
                String type = column.getDataType().getLogicalType().asSummaryString();
                types.addArray().add(column.getName()).add(type.replaceAll(" \\*(ROWTIME|PROCTIME)\\*", ""));
            }
            ZoneId zone = tables.getConfig().getLocalTimeZone();
            Map<String, Integer> counts = new TreeMap<>();
            // Interrupting this thread would not do: the iterator goes on waiting.
            CompletableFuture<Void> deadline = CompletableFuture.runAsync(
                    () -> result.getJobClient().ifPresent(JobClient::cancel),
                    CompletableFuture.delayedExecutor(JOB_SECONDS_MAX, TimeUnit.SECONDS));
            try (CloseableIterator<Row> rows = result.collect()) {
                while (rows.hasNext()) {
                    Row row = rows.next();
                    StringBuilder line = new StringBuilder("{");
                    for (int i = 0; i < columns.size(); i++) {
                        LogicalType type = columns.get(i).getDataType().getLogicalType();
                        member(line, columns.get(i).getName(), row.getField(i), type, zone);
                    }
                    boolean isThere = row.getKind() == RowKind.INSERT || row.getKind() == RowKind.UPDATE_AFTER;
                    counts.merge(line.append('}').toString(), isThere ? 1 : -1, Integer::sum);
                }
            } finally {
                deadline.cancel(false);
            }
            ArrayNode lines = answer.putArray("rows");
            counts.forEach((line, count) -> {
                if (count < 0) {
                    answer.put("error", "takes away a row it never had: " + line);
                }
                for (int i = 0; i < count; i++) {
                    lines.add(line);
                }
            });
        }
    }

    /** Jobs go to the one cluster. */
    private record ToMiniCluster(MiniCluster flink) implements PipelineExecutorServiceLoader, PipelineExecutorFactory, PipelineExecutor {
        @Override
        public PipelineExecutorFactory getExecutorFactory(Configuration configuration) {
            return this;
        }

        @Override
        public Stream<String> getExecutorNames() {
            return Stream.of("referee");
        }

        @Override
        public String getName() {
            return "referee";
        }

        @Override
        public boolean isCompatibleWith(Configuration configuration) {
            return true;
        }

        @Override
        public PipelineExecutor getExecutor(Configuration configuration) {
            return this;
        }

        @Override
        public CompletableFuture<JobClient> execute(Pipeline pipeline, Configuration configuration, ClassLoader loader) {
            JobGraph job = ((StreamGraph) pipeline).getJobGraph(loader);
            return flink.submitJob(job).thenApply(submitted -> new MiniClusterJobClient(
                    submitted.getJobID(), flink, loader, MiniClusterJobClient.JobFinalizationBehavior.NOTHING));
        }
    }

    /** The statements of a script; a statement set is one. */
    static List<String> split(String sql) {
        List<String> statements = new ArrayList<>();
        int start = 0;
        for (int i = 0; i < sql.length(); i = next(sql, i)) {
            if (sql.charAt(i) != ';') {
                continue;
            }
            String text = bare(sql.substring(start, i));
            boolean isInSet = SET_OF_STATEMENTS.matcher(text).find() && !END.matcher(text).find();
            if (!isInSet) {
                if (!text.isEmpty()) {
                    statements.add(text);
                }
                start = i + 1;
            }
        }
        String rest = bare(sql.substring(start));
        if (!rest.isEmpty()) {
            statements.add(rest);
        }
        return statements;
    }

    /** Behind the character, string, quoted name or comment that begins here; hints are no comments. */
    private static int next(String sql, int i) {
        char c = sql.charAt(i);
        int end;
        if (c == '\'' || c == '`' || c == '"') {
            end = sql.indexOf(c, i + 1) + 1;
        } else if (sql.startsWith("--", i)) {
            end = sql.indexOf('\n', i) + 1;
        } else if (sql.startsWith("/*", i)) {
            end = sql.indexOf("*/", i + 2) + 2;
            end = end == 1 ? 0 : end;
        } else {
            return i + 1;
        }
        return end <= 0 ? sql.length() : end;
    }

    /** Without comments and without space around it. */
    private static String bare(String sql) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < sql.length(); ) {
            int end = next(sql, i);
            boolean isComment = sql.startsWith("--", i) || (sql.startsWith("/*", i) && !sql.startsWith("/*+", i));
            text.append(isComment ? " " : sql.substring(i, end));
            if (sql.startsWith("--", i)) {
                text.append('\n');
            }
            i = end;
        }
        return text.toString().trim();
    }

    /** The messages of a failure and its causes, the innermost first. */
    private static String reason(Throwable failure) {
        List<String> messages = new ArrayList<>();
        for (Throwable cause = failure; cause != null && messages.size() < 20; cause = cause.getCause()) {
            String message = cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
            messages.add(0, message.strip());
        }
        return String.join("\n", messages);
    }

    private static void member(StringBuilder line, String name, Object value, LogicalType type, ZoneId zone) {
        if (line.charAt(line.length() - 1) != '{') {
            line.append(',');
        }
        quote(line, name);
        line.append(':');
        write(line, value, type, zone);
    }

    private static void write(StringBuilder line, Object value, LogicalType type, ZoneId zone) {
        if (value == null) {
            line.append("null");
        } else if (value instanceof Boolean || value instanceof Byte || value instanceof Short
                || value instanceof Integer || value instanceof Long) {
            line.append(value);
        } else if (value instanceof BigDecimal number) {
            line.append(number.toPlainString());
        } else if (value instanceof Double || value instanceof Float) {
            line.append(shortest((Number) value));
        } else if (value instanceof byte[] bytes) {
            quote(line, Base64.getEncoder().encodeToString(bytes));
        } else if (value instanceof LocalDate date) {
            quote(line, date.toString());
        } else if (value instanceof LocalTime time) {
            quote(line, DateTimeFormatter.ofPattern("HH:mm:ss" + digits(((TimeType) type).getPrecision())).format(time));
        } else if (value instanceof LocalDateTime time) {
            int precision = type instanceof TimestampType it ? it.getPrecision() : 3;
            quote(line, DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss" + digits(precision)).format(time));
        } else if (value instanceof Instant instant) {
            int precision = type instanceof LocalZonedTimestampType it ? it.getPrecision() : 3;
            quote(line, DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss" + digits(precision)).format(instant.atZone(zone)));
        } else if (value instanceof Period period) {
            long months = period.toTotalMonths();
            quote(line, String.format("%s%d-%02d", months < 0 ? "-" : "+", Math.abs(months) / 12, Math.abs(months) % 12));
        } else if (value instanceof Duration duration) {
            Duration d = duration.abs();
            quote(line, String.format("%s%d %02d:%02d:%02d.%03d", duration.isNegative() ? "-" : "+",
                    d.toDays(), d.toHoursPart(), d.toMinutesPart(), d.toSecondsPart(), d.toMillisPart()));
        } else if (value.getClass().isArray() || value instanceof List) {
            Object[] items = value instanceof List<?> list ? list.toArray() : boxed(value);
            LogicalType item = ((ArrayType) type).getElementType();
            line.append('[');
            for (int i = 0; i < items.length; i++) {
                line.append(i == 0 ? "" : ",");
                write(line, items[i], item, zone);
            }
            line.append(']');
        } else if (value instanceof Map<?, ?> map) {
            map(line, map, type, zone);
        } else if (value instanceof Row row) {
            line.append('{');
            List<RowType.RowField> fields = ((RowType) type).getFields();
            for (int i = 0; i < fields.size(); i++) {
                member(line, fields.get(i).getName(), row.getField(i), fields.get(i).getType(), zone);
            }
            line.append('}');
        } else {
            quote(line, value.toString());
        }
    }

    private static void map(StringBuilder line, Map<?, ?> map, LogicalType type, ZoneId zone) {
        LogicalType key = type instanceof MapType it ? it.getKeyType() : ((MultisetType) type).getElementType();
        LogicalType item = type instanceof MapType it ? it.getValueType() : null;
        Map<String, String> members = new TreeMap<>();
        map.forEach((k, v) -> {
            StringBuilder name = new StringBuilder();
            StringBuilder text = new StringBuilder();
            write(name, k, key, zone);
            write(text, v, item, zone);
            String quoted = name.toString();
            members.put(quoted.startsWith("\"") ? quoted : '"' + quoted.replace("\"", "\\\"") + '"', text.toString());
        });
        line.append('{');
        members.forEach((k, v) -> line.append(line.charAt(line.length() - 1) == '{' ? "" : ",").append(k).append(':').append(v));
        line.append('}');
    }

    private static Object[] boxed(Object array) {
        Object[] items = new Object[Array.getLength(array)];
        for (int i = 0; i < items.length; i++) {
            items[i] = Array.get(array, i);
        }
        return items;
    }

    private static String digits(int precision) {
        return precision == 0 ? "" : "." + "S".repeat(precision);
    }

    /** The fewest digits that mean this number; older Java versions write more than these. */
    private static String shortest(Number number) {
        double value = number.doubleValue();
        if (Double.isNaN(value) || Double.isInfinite(value)) {
            return '"' + number.toString() + '"';
        }
        if (value == 0) {
            return number.toString();
        }
        BigDecimal exact = new BigDecimal(value);
        for (int digits = 1; digits < 18; digits++) {
            BigDecimal rounded = exact.round(new MathContext(digits, RoundingMode.HALF_EVEN));
            boolean isSame = number instanceof Float ? rounded.floatValue() == number.floatValue() : rounded.doubleValue() == value;
            if (isSame) {
                return javaStyle(rounded.stripTrailingZeros());
            }
        }
        return number.toString();
    }

    /** As Double.toString: plain from 10^-3 to 10^7, else with an exponent; always a decimal point. */
    private static String javaStyle(BigDecimal number) {
        int exponent = number.precision() - number.scale() - 1;
        if (exponent >= -3 && exponent < 7) {
            return (number.scale() < 1 ? number.setScale(1) : number).toPlainString();
        }
        BigDecimal mantissa = number.movePointLeft(exponent);
        return (mantissa.scale() < 1 ? mantissa.setScale(1) : mantissa).toPlainString() + "E" + exponent;
    }

    private static void quote(StringBuilder line, String text) {
        line.append('"');
        for (char c : text.toCharArray()) {
            switch (c) {
                case '"' -> line.append("\\\"");
                case '\\' -> line.append("\\\\");
                case '\n' -> line.append("\\n");
                case '\r' -> line.append("\\r");
                case '\t' -> line.append("\\t");
                case '\b' -> line.append("\\b");
                case '\f' -> line.append("\\f");
                default -> line.append(c < ' ' ? String.format("\\u%04x", (int) c) : String.valueOf(c));
            }
        }
        line.append('"');
    }
}
