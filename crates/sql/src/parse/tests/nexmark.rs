//! Statements of the kind the Nexmark benchmark uses.

use crate::parse::parse_script;

const SCRIPT: &str = "
CREATE TABLE nexmark (
    event_type INT,
    person ROW<id BIGINT, name VARCHAR, city VARCHAR, state VARCHAR, `dateTime` TIMESTAMP(3)>,
    auction ROW<id BIGINT, `initialBid` BIGINT, expires TIMESTAMP(3), seller BIGINT, category BIGINT>,
    bid ROW<auction BIGINT, bidder BIGINT, price BIGINT, channel VARCHAR, url VARCHAR>,
    `dateTime` AS CASE WHEN event_type = 0 THEN person.`dateTime` ELSE auction.expires END,
    WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '4' SECOND
) WITH ('connector' = 'nexmark', 'first-event.rate' = '10000000', 'events.num' = '10000000');

CREATE VIEW bid AS SELECT bid.auction, bid.price, bid.url, `dateTime` FROM nexmark WHERE event_type = 2;

INSERT INTO q1 SELECT auction, 0.908 * price AS price, `dateTime` FROM bid WHERE MOD(auction, 123) = 0;

SELECT Q.category, AVG(Q.final) FROM (
    SELECT MAX(B.price) AS final, A.category FROM auction A, bid B
    WHERE A.id = B.auction AND B.`dateTime` BETWEEN A.`dateTime` AND A.expires GROUP BY A.id, A.category
) Q GROUP BY Q.category;

SELECT B.bidder, COUNT(*) AS bid_count, SESSION_START(B.`dateTime`, INTERVAL '10' SECOND) AS starttime
FROM bid B GROUP BY B.bidder, SESSION(B.`dateTime`, INTERVAL '10' SECOND);

SELECT bidder, count(*), window_start FROM TABLE(
    TUMBLE(TABLE (SELECT *, PROCTIME() AS p_time FROM bid), DESCRIPTOR(p_time), INTERVAL '10' SECOND))
GROUP BY bidder, window_start, window_end;

SELECT B.auction, S.`value` FROM (SELECT *, PROCTIME() AS p_time FROM bid) B
JOIN side_input FOR SYSTEM_TIME AS OF B.p_time AS S ON mod(B.auction, 10000) = S.key;

SELECT channel, DATE_FORMAT(`dateTime`, 'yyyy-MM-dd') AS `day`, max(DATE_FORMAT(`dateTime`, 'HH:mm')) AS `minute`,
    count(distinct bidder) filter (where price >= 10000 and price < 1000000) AS rank2_bidders
FROM bid GROUP BY channel, DATE_FORMAT(`dateTime`, 'yyyy-MM-dd');

SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS rank_number FROM bid)
WHERE rank_number <= 10;

SELECT CASE WHEN lower(channel) = 'apple' THEN '0' ELSE REGEXP_EXTRACT(url, '(&|^)channel_id=([^&]*)', 2) END,
    SPLIT_INDEX(url, '/', 3) AS dir1, HOUR(`dateTime`) FROM bid;

SELECT AVG(price) OVER (PARTITION BY seller ORDER BY `dateTime` ROWS BETWEEN 10 PRECEDING AND CURRENT ROW) FROM q;
";

#[test]
fn statements_like_those_of_nexmark_parse() {
    let statements = parse_script(SCRIPT).unwrap();
    assert_eq!(statements.len(), 11);
    assert!(statements[0].text.starts_with("CREATE TABLE") && statements[0].text.ends_with(')'));
    assert_eq!(statements[1].span.line, 11);
}
