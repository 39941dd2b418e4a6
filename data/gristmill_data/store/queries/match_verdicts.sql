SELECT benchmark, label, tier, score, is_right AS "right", reviewer FROM match_opinions ORDER BY seq
