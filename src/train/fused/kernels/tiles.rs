//! Products by tiles of vectors, written once for every width of vector.

/// The product of a level. Beside the macro's call the level declares: `WIDTH`, the numbers in a vector; `Mask`, which says
/// which lanes of a row's last vector are there, and `mask(lanes)`; `zero`, `broadcast`, `multiply_add`; `whole` and `cut`,
/// which load, `put` and `put_cut`, which store, the cut ones by a mask; `rows(width, cut)`, how many rows of a strip of so many
/// vectors the registers hold without spilling one; and `after`, which is an [`Epilogue`](super::Epilogue). The call gives the
/// numbers of rows again, of strips of one, two and three vectors: a tile is compiled for each.
macro_rules! products {
    ($features:literal, $one:tt, $two:tt, $three:tt) => {
        /// Steps of a sum that are made before the next tile's turn: as many rows of `b` stay in the first cache.
        const DEPTH: usize = 128;

        /// # Safety
        /// The processor must have the level's features, and the slices the sizes that `product` of the parent checks; m and n
        /// are not 0.
        #[target_feature(enable = $features)]
        pub unsafe fn product(
            [m, k, n]: [usize; 3],
            a: Left,
            b: &[f32],
            first: First,
            epilogue: Epilogue,
            out: &mut [f32],
        ) {
            let mut depth = 0;
            loop {
                let steps = DEPTH.min(k - depth);
                let last = depth + steps == k;
                // SAFETY: where there is a step, depth < k, so that depth · column is within `a`, whose last number is that of step
                // k − 1, and depth · n within the k · n numbers of `b`. What is left of both is as long as a block of these steps
                // says, and `out` and `h` are the whole product's.
                unsafe {
                    let block = Block {
                        sizes: [m, steps, n],
                        a: Left { data: if k == 0 { a.data } else { a.data.get_unchecked(depth * a.column..) }, ..a },
                        b: if k == 0 { b } else { b.get_unchecked(depth * n..) },
                        first: if depth > 0 { First::Sums } else { first },
                        out: out.as_mut_ptr(),
                        mask: mask((n + WIDTH - 1) % WIDTH + 1),
                    };
                    match epilogue {
                        _ if !last => block.run::<STORE>(&[]),
                        Epilogue::Store => block.run::<STORE>(&[]),
                        Epilogue::Relu => block.run::<RELU>(&[]),
                        Epilogue::LeakyRelu => block.run::<LEAKY_RELU>(&[]),
                        Epilogue::ReluBackward(h) => block.run::<RELU_BACKWARD>(h),
                        Epilogue::LeakyReluBackward(h) => block.run::<LEAKY_RELU_BACKWARD>(h),
                        Epilogue::TanhBackward(h) => block.run::<TANH_BACKWARD>(h),
                        Epilogue::SigmoidBackward(h) => block.run::<SIGMOID_BACKWARD>(h),
                        Epilogue::EluBackward(h) => block.run::<ELU_BACKWARD>(h),
                    }
                }
                depth += steps;
                if last {
                    return;
                }
            }
        }

        /// The kinds of [`Epilogue`], as a loop is compiled for each.
        const STORE: u8 = 0;
        const RELU: u8 = 1;
        const LEAKY_RELU: u8 = 2;
        const RELU_BACKWARD: u8 = 3;
        const LEAKY_RELU_BACKWARD: u8 = 4;
        const TANH_BACKWARD: u8 = 5;
        const SIGMOID_BACKWARD: u8 = 6;
        const ELU_BACKWARD: u8 = 7;

        /// A product, or as many of its steps as are made at once.
        struct Block<'a> {
            sizes: [usize; 3],
            a: Left<'a>,
            b: &'a [f32],
            first: First<'a>,
            out: *mut f32,
            /// Of the last vector of a row.
            mask: Mask,
        }

        impl Block<'_> {
            /// # Safety
            /// `b` must have k · n numbers, a bias n, `out`, and `h` where the epilogue reads it, m · n, and `a` must reach from
            /// element (0, 0) to (m − 1, k − 1); n is not 0, and `mask` is that of a row's last vector.
            #[target_feature(enable = $features)]
            unsafe fn run<const E: u8>(&self, h: &[f32]) {
                let [m, k, n] = self.sizes;
                // A column by a row, or a row by a matrix, is short of work for a tile: wide strips take their place.
                if k == 1 || m == 1 {
                    // SAFETY: as this function's own condition says.
                    return unsafe { self.thin::<E>(h) };
                }
                let (vectors, cut) = (n.div_ceil(WIDTH), !n.is_multiple_of(WIDTH));
                let mut vector = 0;
                while vector < vectors {
                    let left = vectors - vector;
                    let width = match left {
                        1 => 1,
                        2 | 4 => 2,
                        _ => 3,
                    };
                    // SAFETY: the strip lies within the product, as this function's own condition says.
                    unsafe {
                        let (cut, column) = (cut && left == width, vector * WIDTH);
                        match (width, cut) {
                            (1, false) => self.one::<E, false>(column, h),
                            (1, true) => self.one::<E, true>(column, h),
                            (2, false) => self.two::<E, false>(column, h),
                            (2, true) => self.two::<E, true>(column, h),
                            (_, false) => self.three::<E, false>(column, h),
                            (_, true) => self.three::<E, true>(column, h),
                        }
                    }
                    vector += width;
                }
            }

            /// A product of one step or of one row.
            ///
            /// # Safety
            /// As for [`Self::run`].
            #[target_feature(enable = $features)]
            #[inline]
            unsafe fn thin<const E: u8>(&self, h: &[f32]) {
                let [_, k, n] = self.sizes;
                let (vectors, cut) = (n.div_ceil(WIDTH), !n.is_multiple_of(WIDTH));
                let mut vector = 0;
                while vector < vectors {
                    let left = vectors - vector;
                    let width = left.min(5);
                    let column = vector * WIDTH;
                    // SAFETY: the strip lies within the product, as this function's own condition says.
                    unsafe {
                        match (k == 1, width, cut && left == width) {
                            (true, 1, false) => self.outer::<E, 1, false>(column, h),
                            (true, 2, false) => self.outer::<E, 2, false>(column, h),
                            (true, 3, false) => self.outer::<E, 3, false>(column, h),
                            (true, 4, false) => self.outer::<E, 4, false>(column, h),
                            (true, _, false) => self.outer::<E, 5, false>(column, h),
                            (true, 1, true) => self.outer::<E, 1, true>(column, h),
                            (true, 2, true) => self.outer::<E, 2, true>(column, h),
                            (true, 3, true) => self.outer::<E, 3, true>(column, h),
                            (true, 4, true) => self.outer::<E, 4, true>(column, h),
                            (true, _, true) => self.outer::<E, 5, true>(column, h),
                            (false, 1, false) => self.tile::<E, 1, 1, false>(0, column, h),
                            (false, 2, false) => self.tile::<E, 1, 2, false>(0, column, h),
                            (false, 3, false) => self.tile::<E, 1, 3, false>(0, column, h),
                            (false, 4, false) => self.tile::<E, 1, 4, false>(0, column, h),
                            (false, _, false) => self.tile::<E, 1, 5, false>(0, column, h),
                            (false, 1, true) => self.tile::<E, 1, 1, true>(0, column, h),
                            (false, 2, true) => self.tile::<E, 1, 2, true>(0, column, h),
                            (false, 3, true) => self.tile::<E, 1, 3, true>(0, column, h),
                            (false, 4, true) => self.tile::<E, 1, 4, true>(0, column, h),
                            (false, _, true) => self.tile::<E, 1, 5, true>(0, column, h),
                        }
                    }
                    vector += width;
                }
            }

            /// All rows of a strip of `V` vectors of a product of one step.
            ///
            /// # Safety
            /// As for [`Self::run`], k must be 1, and the strip must lie within the product.
            #[target_feature(enable = $features)]
            #[inline(never)]
            unsafe fn outer<const E: u8, const V: usize, const CUT: bool>(&self, column: usize, h: &[f32]) {
                // SAFETY: column + WIDTH · V is at most n, or, if the last vector is cut, beyond it by the lanes that its mask leaves
                // out, which are not touched. So each vector of a bias, of the row of `b`, and of the rows r < m of `out` and `h`
                // lies within its row, and r · row is element (r, 0) of `a`.
                unsafe {
                    let [m, _, n] = self.sizes;
                    let load = |from: *const f32, v: usize| {
                        let from = from.add(WIDTH * v);
                        if CUT && v == V - 1 { cut(from, self.mask) } else { whole(from) }
                    };
                    let (mut b, mut first) = ([zero(); V], [zero(); V]);
                    for v in 0..V {
                        b[v] = load(self.b.as_ptr().add(column), v);
                        if let First::Bias(bias) = self.first {
                            first[v] = load(bias.as_ptr().add(column), v);
                        }
                    }
                    for r in 0..m {
                        let at = r * n + column;
                        let factor = broadcast(&*self.a.data.as_ptr().add(r * self.a.row));
                        let out = self.out.add(at);
                        for v in 0..V {
                            let first = if let First::Sums = self.first { load(out, v) } else { first[v] };
                            let sum = multiply_add(factor, b[v], first);
                            let value = after::<E>(sum, || load(h.as_ptr().add(at), v));
                            let to = out.add(WIDTH * v);
                            if CUT && v == V - 1 {
                                put_cut(to, self.mask, value);
                            } else {
                                put(to, value);
                            }
                        }
                    }
                }
            }

            strip! { $features, one, 1, $one }
            strip! { $features, two, 2, $two }
            strip! { $features, three, 3, $three }

            /// `R` rows of `V` vectors, the last of them cut by the mask if `CUT`.
            ///
            /// # Safety
            /// As for [`Self::run`], and the tile must lie within the product.
            #[target_feature(enable = $features)]
            #[inline(never)] // Inlined, it loses a register to constants of the loops around it, and then spills a sum.
            unsafe fn tile<const E: u8, const R: usize, const V: usize, const CUT: bool>(
                &self,
                row: usize,
                column: usize,
                h: &[f32],
            ) {
                // SAFETY: column + WIDTH · V is at most n, or, if the last vector is cut, beyond it by the lanes that its mask leaves
                // out, which are not touched. So each vector of a bias, of the k rows of `b`, and of the rows up to row + R <= m of
                // `out` and `h` lies within its row. `a` and `b` step through elements (row, p) and (p, column) for p < k; where
                // they point after the last, or if there is none, is wrapped and never read.
                unsafe {
                    let [_, k, n] = self.sizes;
                    let load = |from: *const f32, v: usize| {
                        let from = from.add(WIDTH * v);
                        if CUT && v == V - 1 { cut(from, self.mask) } else { whole(from) }
                    };
                    let out = self.out.add(row * n + column);
                    let mut sums = [[zero(); V]; R];
                    match self.first {
                        First::Zero => {}
                        First::Bias(bias) => {
                            for v in 0..V {
                                let bias = load(bias.as_ptr().add(column), v);
                                for r in 0..R {
                                    sums[r][v] = bias;
                                }
                            }
                        }
                        First::Sums => {
                            for r in 0..R {
                                for v in 0..V {
                                    sums[r][v] = load(out.add(r * n), v);
                                }
                            }
                        }
                    }
                    // A pointer for each row: one that walked from row to row would have every load wait for the one before.
                    let a: [*const f32; R] =
                        std::array::from_fn(|r| self.a.data.as_ptr().wrapping_add((row + r) * self.a.row));
                    let mut b = self.b.as_ptr().wrapping_add(column);
                    let mut at = 0;
                    for _ in 0..k {
                        let mut row = [zero(); V];
                        for v in 0..V {
                            row[v] = load(b, v);
                        }
                        for r in 0..R {
                            let factor = broadcast(&*a[r].add(at));
                            for v in 0..V {
                                sums[r][v] = multiply_add(factor, row[v], sums[r][v]);
                            }
                        }
                        at += self.a.column;
                        b = b.wrapping_add(n);
                    }
                    for r in 0..R {
                        for v in 0..V {
                            let h = |v| load(h.as_ptr().add((row + r) * n + column), v);
                            let value = after::<E>(sums[r][v], || h(v));
                            let to = out.add(r * n + WIDTH * v);
                            if CUT && v == V - 1 {
                                put_cut(to, self.mask, value);
                            } else {
                                put(to, value);
                            }
                        }
                    }
                }
            }
        }
    };
}

macro_rules! strip {
    ($features:literal, $name:ident, $vectors:literal, [$($fewer:literal)*; $most:literal]) => {
        /// All rows of a strip of so many vectors, at most [`rows`] of them at a time.
        ///
        /// # Safety
        /// As for [`Self::run`], and the strip must lie within the product.
        #[target_feature(enable = $features)]
        #[inline]
        unsafe fn $name<const E: u8, const CUT: bool>(&self, column: usize, h: &[f32]) {
            let m = self.sizes[0];
            if m == 0 {
                return;
            }
            // Even tiles: a last one of a single row would cost as much as a full one.
            let tiles = m.div_ceil(rows($vectors, CUT));
            let (fewest, more) = (m / tiles, m % tiles);
            let mut row = 0;
            for tile in 0..tiles {
                let rows = fewest + usize::from(tile < more);
                // SAFETY: row + rows <= m, as the tiles' rows add up to m.
                unsafe {
                    match rows {
                        $($fewer => self.tile::<E, $fewer, $vectors, CUT>(row, column, h),)*
                        _ => self.tile::<E, $most, $vectors, CUT>(row, column, h),
                    }
                }
                row += rows;
            }
        }
    };
}
