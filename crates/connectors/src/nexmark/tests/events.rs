//! Events are what Nexmark's queries expect: kinds, ids, times, prices, sizes, texts.

use std::collections::HashMap;

use super::*;

#[tokio::test]
async fn every_fifty_events_are_a_person_three_auctions_and_forty_six_bids() {
    let batch = first(10_000, &[]).await;
    for epoch in types(&batch).chunks(50) {
        assert_eq!(epoch[..5], [0, 1, 1, 1, 2]);
        assert!(epoch[4..].iter().all(|kind| *kind == 2));
    }
    let other = [
        ("person.proportion", "2"),
        ("auction.proportion", "0"),
        ("bid.proportion", "1"),
    ];
    assert_eq!(types(&first(7, &other).await), [0, 0, 2, 0, 0, 2, 0]);
}

#[tokio::test]
async fn a_row_of_another_kind_is_null_with_all_its_fields() {
    let batch = first(1_000, &[]).await;
    let types = types(&batch);
    for (kind, name) in (0..).zip(["person", "auction", "bid"]) {
        let rows = batch.column_by_name(name).unwrap().as_struct();
        for (row, found) in types.iter().enumerate() {
            assert_eq!(rows.is_valid(row), *found == kind);
            assert!(
                rows.columns()
                    .iter()
                    .all(|c| c.is_valid(row) == (*found == kind))
            );
        }
    }
}

#[tokio::test]
async fn ids_count_up_and_references_are_near() {
    let batch = first(100_000, &[]).await;
    assert_eq!(
        longs(&batch, "person", "id"),
        (1000..3000).collect::<Vec<_>>()
    );
    assert_eq!(
        longs(&batch, "auction", "id"),
        (1000..7000).collect::<Vec<_>>()
    );
    let epochs = |per_epoch: usize| (0_i64..).flat_map(move |epoch| vec![epoch; per_epoch]);
    for (bid, epoch) in longs(&batch, "bid", "auction").iter().zip(epochs(46)) {
        let newest = 1000 + epoch * 3 + 2;
        assert!((1000.max(newest - 102)..=newest + 10).contains(bid));
    }
    let persons = [("bid", "bidder", 46), ("auction", "seller", 3)];
    for (row, field, per_epoch) in persons {
        for (person, epoch) in longs(&batch, row, field).iter().zip(epochs(per_epoch)) {
            let newest = 1000 + epoch;
            assert!(
                (1000.max(newest - 999)..=newest + 10).contains(person),
                "{row}.{field}"
            );
        }
    }
}

#[tokio::test]
async fn hot_ids_get_their_share() {
    let options = [
        ("bid.hot-ratio.auctions", "2"),
        ("bid.hot-ratio.bidders", "4"),
        ("auction.hot-ratio.sellers", "10"),
    ];
    let batch = first(100_000, &options).await;
    let share = |row: &str, field: &str, hot: i64| {
        let ids = longs(&batch, row, field);
        let hits = ids.iter().filter(|id| *id % 100 == hot).count();
        hits as f64 / ids.len() as f64
    };
    near(share("bid", "auction", 0), 0.5, 0.02);
    near(share("bid", "bidder", 1), 0.75, 0.02);
    near(share("auction", "seller", 0), 0.9, 0.02);
    let mut bids_by_id: HashMap<i64, usize> = HashMap::new();
    for id in longs(&batch, "bid", "auction") {
        *bids_by_id.entry(id).or_default() += 1;
    }
    assert!(bids_by_id.len() > 5_900, "nearly every auction has a bid");
}

#[tokio::test]
async fn event_time_grows_with_the_rate_in_every_split() {
    let options = [("events.num", "20000"), ("first-event.rate", "4000")];
    let table = table(&whole_table(), &options);
    let open = Open {
        parallelism: 3,
        ..Open::default()
    };
    let mut all = Vec::new();
    for mut reader in open.readers(&table).await {
        let batches = drain(reader.as_mut()).await;
        let times: Vec<i64> = batches.iter().flat_map(event_times).collect();
        assert!(times.is_sorted());
        all.extend(times);
    }
    all.sort_unstable();
    let wanted: Vec<i64> = (0..20_000).map(|event| BASE_MS + event / 4).collect();
    assert_eq!(all, wanted);
}

#[tokio::test]
async fn an_auction_lasts_until_about_a_hundred_more_have_begun() {
    let batch = first(100_000, &[("first-event.rate", "1000")]).await;
    let begun = times(&batch, "auction", "dateTime");
    let ends = times(&batch, "auction", "expires");
    let lasts: Vec<i64> = begun
        .iter()
        .zip(&ends)
        .map(|(from, to)| to - from)
        .collect();
    assert!(lasts.iter().all(|ms| (1..=2 * 1667 + 1).contains(ms)));
    near(
        lasts.iter().sum::<i64>() as f64 / lasts.len() as f64,
        1667.0,
        40.0,
    );
}

#[tokio::test]
async fn prices_are_even_in_their_order_of_magnitude() {
    let batch = first(100_000, &[]).await;
    let prices = longs(&batch, "bid", "price");
    assert!(
        prices
            .iter()
            .all(|cents| (100..=100_000_000).contains(cents))
    );
    for digits in 3..9 {
        let range = 10_i64.pow(digits - 1)..10_i64.pow(digits);
        let share = prices.iter().filter(|cents| range.contains(cents)).count();
        near(share as f64 / prices.len() as f64, 1.0 / 6.0, 0.01);
    }
    let initial = longs(&batch, "auction", "initialBid");
    let reserve = longs(&batch, "auction", "reserve");
    assert!(
        initial
            .iter()
            .zip(&reserve)
            .all(|(from, to)| *to >= *from + 100)
    );
    let categories = longs(&batch, "auction", "category");
    assert!((10..15).all(|category| categories.contains(&category)));
    assert!(
        categories
            .iter()
            .all(|category| (10..15).contains(category))
    );
}

#[tokio::test]
async fn events_have_their_average_size() {
    let sizes = [
        ("person.avg-size", "250b"),
        ("auction.avg-size", "1kb"),
        ("bid.avg-size", "300"),
    ];
    for (options, wanted) in [
        (&sizes[..0], [200.0, 500.0, 100.0]),
        (&sizes, [250.0, 1024.0, 300.0]),
    ] {
        let batch = first(100_000, options).await;
        let average = |row: &str, texts: &[&str], fixed: usize| {
            let columns = texts.iter().map(|field| strings(&batch, row, field));
            let bytes: usize = columns
                .map(|c| c.iter().map(|s| s.len()).sum::<usize>())
                .sum();
            bytes as f64 / strings(&batch, row, texts[0]).len() as f64 + fixed as f64
        };
        let person = [
            "name",
            "emailAddress",
            "creditCard",
            "city",
            "state",
            "extra",
        ];
        near(average("person", &person, 8), wanted[0], wanted[0] * 0.01);
        let auction = ["itemName", "description", "extra"];
        near(
            average("auction", &auction, 48),
            wanted[1],
            wanted[1] * 0.01,
        );
        near(average("bid", &["extra"], 32), wanted[2], wanted[2] * 0.01);
    }
}

#[tokio::test]
async fn texts_look_like_what_they_are() {
    let batch = first(20_000, &[]).await;
    let all = |row: &str, field: &str, check: &dyn Fn(&str) -> bool| {
        let texts = strings(&batch, row, field);
        assert!(!texts.is_empty());
        let bad = texts.iter().find(|text| !check(text));
        assert_eq!(bad, None, "{row}.{field}");
    };
    let letters = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase());
    all("person", "name", &|text| text.split(' ').count() == 2);
    all("person", "emailAddress", &|text| {
        let (user, host) = text.split_once('@').unwrap();
        letters(user) && letters(host.strip_suffix(".com").unwrap())
    });
    all("person", "creditCard", &|text| {
        text.len() == 19
            && text.split(' ').count() == 4
            && text
                .bytes()
                .all(|byte| byte == b' ' || byte.is_ascii_digit())
    });
    all("person", "state", &|text| {
        ["AZ", "CA", "ID", "OR", "WA", "WY"].contains(&text)
    });
    all("auction", "itemName", &|text| (3..20).contains(&text.len()));
    all("auction", "description", &|text| {
        (3..100).contains(&text.len())
    });
    all("bid", "extra", &|text| {
        letters(text) && (54..82).contains(&text.len())
    });
    all("bid", "url", &|text| {
        text.starts_with("https://www.nexmark.com/")
    });
    let channels = strings(&batch, "bid", "channel");
    let apple = channels.iter().filter(|name| **name == "Apple").count();
    near(apple as f64 / channels.len() as f64, 0.125, 0.01);
    assert!(channels.iter().any(|name| name.starts_with("channel-")));
}
